// SPDX-License-Identifier: MIT
#include "tocsin/source/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cstddef>

#include "tocsin/base/check.hpp"

namespace tocsin {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t native_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native_architecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t native_architecture = AUDIT_ARCH_RISCV64;
#else
#error "name this architecture as seccomp_data does: AUDIT_ARCH_... of <linux/audit.h>"
#endif

// seccomp(2): on x86-64, numbers with this bit are calls of the x32 ABI, under the same
// architecture; elsewhere no number has it.
constexpr std::uint32_t x32_bit = 0x40000000;

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
sock_filter give(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
/// Goes on with the next instruction if it holds, else with the one after.
sock_filter when(int comparison, std::uint32_t value) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), value, 0, 1);
}

}  // namespace

SeccompAction SeccompAction::allow() { return SeccompAction(SECCOMP_RET_ALLOW); }
SeccompAction SeccompAction::notify() { return SeccompAction(SECCOMP_RET_USER_NOTIF); }
SeccompAction SeccompAction::kill() { return SeccompAction(SECCOMP_RET_KILL_PROCESS); }
SeccompAction SeccompAction::deny(Errno error) {
  return SeccompAction(SECCOMP_RET_ERRNO |
                       (static_cast<std::uint32_t>(error.value()) & SECCOMP_RET_DATA));
}

SeccompFilter::SeccompFilter(SeccompAction otherwise)
    : program_{load(offsetof(seccomp_data, arch)),
               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, native_architecture, 1, 0),
               give(SECCOMP_RET_KILL_PROCESS),
               load(offsetof(seccomp_data, nr)),
               when(BPF_JGE, x32_bit),
               give(SECCOMP_RET_ERRNO | ENOSYS)},
      otherwise_(otherwise) {}

SeccompFilter& SeccompFilter::on(std::initializer_list<int> numbers, SeccompAction action) {
  CHECK(program_.size() + 2 * numbers.size() < BPF_MAXINSNS, "at most 2,000 numbers in a filter");
  for (const int number : numbers) {
    program_.push_back(when(BPF_JEQ, static_cast<std::uint32_t>(number)));
    program_.push_back(give(action.value_));
  }
  return *this;
}

Result<Fd> SeccompFilter::install(Kernel& kernel) const {
  std::vector<sock_filter> program = program_;
  program.push_back(give(otherwise_.value_));
  sock_fprog whole{.len = static_cast<std::uint16_t>(program.size()), .filter = program.data()};
  if (const auto done = kernel.prctl(PR_SET_NO_NEW_PRIVS, 1); !done)
    return std::unexpected(done.error());
  // Since Linux 5.19 a call that the supervisor has received is not interrupted, and so not made
  // again, by a signal that its thread survives.
  const unsigned listen = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  auto listener = kernel.seccomp(SECCOMP_SET_MODE_FILTER,
                                 listen | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &whole);
  if (!listener && listener.error() == Errno::invalid)
    listener = kernel.seccomp(SECCOMP_SET_MODE_FILTER, listen, &whole);
  return own(kernel, listener);
}

}  // namespace tocsin
