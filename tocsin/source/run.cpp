// SPDX-License-Identifier: MIT
#include "tocsin/source/run.hpp"

#include <sys/signalfd.h>

#include <array>
#include <exception>
#include <optional>
#include <span>

#include "tocsin/source/signals.hpp"
#include "tocsin/source/standard_descriptors.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin {
namespace {

// Blocks SIGPIPE, and discards what was raised before it is unblocked again.
class PipeSignal {
 public:
  static Result<PipeSignal> block(Kernel& kernel) {
    constexpr std::array numbers{SIGPIPE};
    const auto set = signal_set(numbers);
    if (!set) return std::unexpected(set.error());
    // Made before it is needed: at the end there may be no descriptor left.
    auto fd = own(kernel, kernel.signalfd(-1, *set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd) return std::unexpected(fd.error());
    auto mask = SignalMask::block(kernel, numbers);
    if (!mask) return std::unexpected(mask.error());
    return PipeSignal(kernel, std::move(*mask), std::move(*fd));
  }
  PipeSignal(PipeSignal&&) = default;
  ~PipeSignal() {
    if (!fd_ || !mask_.blocked(SIGPIPE)) return;
    signalfd_siginfo info{};
    const auto room = std::as_writable_bytes(std::span(&info, 1));
    // One may be pending for the thread and one for the process; EAGAIN says that none is left.
    while (kernel_->read(fd_.get(), room).has_value()) {
    }
  }

 private:
  PipeSignal(Kernel& kernel, SignalMask mask, Fd fd)
      : kernel_(&kernel), mask_(std::move(mask)), fd_(std::move(fd)) {}

  Kernel* kernel_;
  SignalMask mask_;
  Fd fd_;
};

// The body's scope, and how it came to its end.
class Program {
 public:
  Program(Loop& loop, Signals& signals) : loop_(loop), signals_(signals) {}

  Result<> run(Body& body) {
    bodies_.spawn(body(loop_));
    helpers_.spawn(await_end());
    helpers_.spawn(await_signals());
    if (!ended_)
      if (auto done = loop_.run(); !done) return done;
    if (exception_) std::rethrow_exception(exception_);
    if (!ended_) return std::unexpected(Errno::cancelled);
    const bool did_as_told = asked_to_end_ && !outcome_ && outcome_.error() == Errno::cancelled;
    return did_as_told ? Result<>() : outcome_;
  }

 private:
  Task<> await_end() {
    try {
      outcome_ = co_await bodies_.join();
    } catch (...) {
      exception_ = std::current_exception();
    }
    ended_ = true;
    loop_.stop();
  }

  Task<> await_signals() {
    const auto first = co_await signals_.next();
    if (!first) co_return;
    asked_to_end_ = true;
    bodies_.cancel();
    const auto second = co_await signals_.next();
    if (second) loop_.stop();
  }

  Loop& loop_;
  Signals& signals_;
  Result<> outcome_;
  std::exception_ptr exception_;
  bool ended_ = false;
  bool asked_to_end_ = false;
  Scope bodies_{loop_};
  Scope helpers_{loop_};  // Ends first: they refer to everything above.
};

}  // namespace

Result<> run(Body body, Kernel& kernel, const LoopOptions& options) {
  const StandardDescriptors standard(kernel);  // Before any other descriptor is made.
  const auto pipe_signal = PipeSignal::block(kernel);
  if (!pipe_signal) return std::unexpected(pipe_signal.error());
  const auto loop = Loop::create(kernel, options);
  if (!loop) return std::unexpected(loop.error());
  auto signals = Signals::create(**loop, {SIGINT, SIGTERM});
  if (!signals) return std::unexpected(signals.error());
  return Program(**loop, *signals).run(body);
}

}  // namespace tocsin
