// What the tests on real CPUs share.
#pragma once

#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/testing/all_cpus.hh"

namespace nacre::exec {

using testing::wait_for_executors;

// nullptr if this machine has only one CPU.
inline Executor* second_executor() {
  return executors().find(CpuId{1});
}

}  // namespace nacre::exec
