// SPDX-License-Identifier: MIT
#include "tocsin/vkern/fiber.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::vkern::internal {
namespace {

// Only what is touched costs memory. A program's own threads get 8 MiB (pthread_create(3)); a call
// into this kernel is shallow, and a sanitizer makes it a few times deeper.
constexpr std::size_t stack_size = 256 * 1024;
constexpr std::size_t guard_size = 16 * 1024;

// madvise(2), MADV_GUARD_INSTALL: "Any attempt to access (read or write) within the range will
// result in a fatal signal". Since Linux 6.13; the C library's headers do not know it yet.
constexpr int guard_install = 102;

// What lies above the guard, where a stack that is too deep comes by: for kernels without guards.
constexpr std::uint64_t untouched = 0x6b63617473666f;

std::uint64_t& mark_of(std::byte* stack) {
  return *reinterpret_cast<std::uint64_t*>(stack + guard_size);
}

}  // namespace

// ---- stacks -------------------------------------------------------------------------------------

std::byte* Stacks::take() {
  if (!free_.empty()) {
    std::byte* const stack = free_.back();
    free_.pop_back();
    return stack;
  }
  auto& kernel = LinuxKernel::shared();
  const auto memory = kernel.mmap(stack_size, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE);
  CHECK(memory.has_value(), "there is no memory for another fiber");
  // Refused by older kernels, which is no failure: the mark is there as well.
  static_cast<void>(kernel.madvise(*memory, guard_size, guard_install));
  auto* const stack = static_cast<std::byte*>(*memory);
  mark_of(stack) = untouched;
  return stack;
}

void Stacks::give_back(std::byte* stack) {
  CHECK(mark_of(stack) == untouched, "a fiber went deeper than its stack");
  free_.push_back(stack);
}

Stacks::~Stacks() {
  for (std::byte* const stack : free_)
    static_cast<void>(LinuxKernel::shared().munmap(stack, stack_size));
}

// ---- fibers -------------------------------------------------------------------------------------

// makecontext(3) hands over ints only, so the address comes in two halves.
Fiber::Fiber(Stacks& stacks, Body body)
    : body_(std::move(body)), stacks_(&stacks), stack_(stacks.take()) {
  sanitizer_.has_stack(stack_, stack_size);
  CHECK(getcontext(&context_) == 0, "getcontext(3) never fails");
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = stack_size;
  context_.uc_link = nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(enter), 2,
              static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
  // Used by makecontext(3) only. What is left here would make the address sanitizer forget at each
  // switch what it knows of the whole stack.
  context_.uc_stack = {};
}

Fiber::~Fiber() {
  if (stack_ != nullptr) stacks_->give_back(stack_);
}

void Fiber::enter(unsigned high, unsigned low) {
  const std::uintptr_t address = (std::uintptr_t{high} << 32) | low;
  auto& self = *reinterpret_cast<Fiber*>(address);
  self.sanitizer_.arrive(self.from_->sanitizer_);
  self.body_();
  CHECK(false, "the body of a fiber leaves it, and never returns");
}

void Fiber::leave(Fiber& next, bool for_good) {
  CHECK(stack_ == nullptr || mark_of(stack_) == untouched, "a fiber went deeper than its stack");
  next.from_ = this;
  sanitizer_.leave(next.sanitizer_, for_good);
  swapcontext(&context_, &next.context_);
  sanitizer_.arrive(from_->sanitizer_);
}

void Fiber::switch_to(Fiber& next) { leave(next, false); }

void Fiber::leave_to(Fiber& next) {
  leave(next, true);
  CHECK(false, "somebody has switched to a fiber that was left for good");
  std::unreachable();
}

}  // namespace tocsin::vkern::internal
