// SPDX-License-Identifier: MIT
#include "tocsin/source/terminal_mode.hpp"

#include <signal.h>
#include <sys/ioctl.h>

#include <array>
#include <charconv>

#include "tocsin/source/signals.hpp"

namespace tocsin {
namespace {

using Mode = TerminalModeOptions::Mode;

termios with_mode(termios settings, Mode mode) {
  if (mode == Mode::raw) {
    ::cfmakeraw(&settings);
  } else {
    settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    settings.c_iflag &= ~static_cast<tcflag_t>(ICRNL);
  }
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  return settings;
}

// As `stty -g` prints them, and takes them: stty(1).
std::string text_of(const termios& settings) {
  std::string text;
  const auto put = [&](unsigned long number) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    if (!text.empty()) text += ':';
    text.append(digits.data(), end);
  };
  for (const tcflag_t flags :
       {settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag})
    put(flags);
  for (const cc_t character : settings.c_cc) put(character);
  return text;
}

// $1: what was before, $2: what is now. Its standard input ends when nobody holds the other end any
// more, which is this process. It is in a group of its own, out of the reach of the terminal's
// signals; as it is in the background, SIGTTOU must be ignored (tcsetattr(3p)). If somebody else,
// the shell as a rule, has changed the settings already, they are left alone.
constexpr const char* guard =
    "trap '' HUP INT QUIT TERM TSTP TTIN TTOU\n"
    "read -r nothing\n"
    "test \"$(stty -g <&3)\" = \"$2\" && stty \"$1\" <&3\n";

ChildOptions guardian_of(int fd, const termios& before, const termios& now) {
  return {
      .arguments = {"sh", "-c", guard, "sh", text_of(before), text_of(now)},
      .fds = {ChildFd::readable_pipe(0), ChildFd::null(1), ChildFd::null(2), ChildFd::copy(3, fd)},
      .group = SpawnRequest::Group::own};
}

}  // namespace

Result<TerminalMode> TerminalMode::create(Loop& loop, int fd, const TerminalModeOptions& options,
                                          std::source_location where) {
  Kernel& kernel = loop.kernel();
  termios before{};
  if (auto done = kernel.tcgetattr(fd, before); !done) return std::unexpected(done.error());
  const termios wanted = with_mode(before, options.mode);
  TerminalMode mode(kernel, fd, before, wanted);
  if (options.guardian) {  // Before there is anything to be guarded.
    auto child = Child::spawn(loop, guardian_of(fd, before, wanted), where);
    if (!child) return std::unexpected(child.error());
    mode.guardian_.emplace(std::move(*child));
  }
  if (auto done = kernel.tcsetattr(fd, TCSANOW, wanted); !done)
    return std::unexpected(done.error());
  return mode;
}

TerminalMode::TerminalMode(TerminalMode&& other) noexcept
    : kernel_(std::exchange(other.kernel_, nullptr)),
      fd_(other.fd_),
      before_(other.before_),
      wanted_(other.wanted_),
      guardian_(std::move(other.guardian_)) {}

// It is stopped by SIGTSTP itself, let go of for a moment: SIGSTOP would stop it for good where
// there is nobody to continue it.
Task<Result<>> TerminalMode::follow_stops(Loop& loop) {
  auto signals = Signals::create(loop, {SIGTSTP, SIGCONT});
  if (!signals) co_return std::unexpected(signals.error());
  while (true) {
    const auto signal = co_await signals->next();
    if (!signal) co_return std::unexpected(signal.error());
    if (signal->number == SIGTSTP) {
      if (auto done = kernel_->tcsetattr(fd_, TCSANOW, before_); !done) co_return done;
      if (auto done = signals->remove({SIGTSTP}); !done) co_return done;
      if (auto done = kernel_->kill(kernel_->getpid(), SIGTSTP); !done) co_return done;
      if (auto done = signals->add({SIGTSTP}); !done) co_return done;
    }
    if (auto done = kernel_->tcsetattr(fd_, TCSANOW, wanted_); !done) co_return done;
  }
}

TerminalMode::~TerminalMode() {
  if (kernel_ == nullptr) return;
  // A terminal that has hung up (EIO) has no settings to be put back.
  static_cast<void>(kernel_->tcsetattr(fd_, TCSANOW, before_));
}

}  // namespace tocsin
