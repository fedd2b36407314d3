// All domains of the machine and their threads, for those who look at them.
#pragma once

#include <concepts>

#include "nacre/kernel/mm/lock.hh"
#include "nacre/kernel/wasm/domain.hh"
#include "nacre/kernel/wasm/thread.hh"

namespace nacre::kwasm {

class DomainList {
 public:
  // Calls visit(Domain&) for every one that is whole, oldest first. None of them goes away meanwhile: under a lock, so `visit`
  // does not suspend, and makes or destroys no domain and no thread.
  template <std::invocable<Domain&> Visitor>
  static void visit(Visitor&& visitor) {
    const mm::LockGuard guard(lock());
    IntrusiveList<Domain>& all = domains();
    for (Domain* domain = all.front(); domain != nullptr; domain = all.next(*domain))
      visitor(*domain);
  }
  // The same for the threads of a domain, inside of a visit to it.
  template <std::invocable<Thread&> Visitor>
  static void visit_threads(Domain& domain, Visitor&& visitor) {
    for (Thread* thread = domain.threads_.front(); thread != nullptr;
         thread = domain.threads_.next(*thread))
      visitor(*thread);
  }

 private:
  friend class Domain;
  friend class Thread;

  static mm::Lock& lock();
  static IntrusiveList<Domain>& domains();
};

}  // namespace nacre::kwasm
