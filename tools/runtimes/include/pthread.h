/* The one piece of POSIX threads that libunwind asks for; implemented in kernel/trace/runtime_hooks.cc. Seen only while
   the runtime is built. */
#ifndef NACRE_RUNTIMES_PTHREAD_H
#define NACRE_RUNTIMES_PTHREAD_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  unsigned readers_and_writer; /* bit 0: a writer holds it; the rest: readers, two each */
} pthread_rwlock_t;
#define PTHREAD_RWLOCK_INITIALIZER {0}

int pthread_rwlock_rdlock(pthread_rwlock_t*);
int pthread_rwlock_wrlock(pthread_rwlock_t*);
int pthread_rwlock_unlock(pthread_rwlock_t*);

#ifdef __cplusplus
}
#endif

#endif
