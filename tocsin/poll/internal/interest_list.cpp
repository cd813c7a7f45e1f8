// SPDX-License-Identifier: MIT
#include "tocsin/poll/internal/interest_list.hpp"

#include <utility>

namespace tocsin::internal {
namespace {

// Ready speaks poll's language already, as long as it fits the short that poll(2) has for it.
static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT);
static_assert(EPOLLERR == POLLERR && EPOLLHUP == POLLHUP && EPOLLRDHUP == 0x2000);

constexpr short to_poll(Ready interest) { return static_cast<short>(std::to_underlying(interest)); }
constexpr Ready from_poll(short events) { return Ready{static_cast<std::uint16_t>(events)}; }

bool is_lacking(Mode mode) { return mode.trigger == Trigger::edge || mode.exclusive; }

// poll(2) ignores entries with a negative fd; of the two ways to make one, only this works for 0.
int enabled(int fd) { return fd < 0 ? ~fd : fd; }
int disabled(int fd) { return fd < 0 ? fd : ~fd; }

}  // namespace

bool is_open(Kernel& kernel, int fd) { return kernel.fcntl(fd, F_GETFD, 0).has_value(); }

Result<> check_can_wait(Kernel& kernel, int fd) {
  if (fd < 0) return std::unexpected(Errno{EBADF});  // AT_FDCWD is negative, and not meant here.
  struct statx status{};
  const auto found = kernel.statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, status);
  if (!found) return found;
  const auto type = status.stx_mode & S_IFMT;
  if (type == S_IFREG || type == S_IFDIR || type == S_IFBLK)
    return std::unexpected(Errno::not_permitted);
  return {};
}

std::size_t InterestList::find(int fd) const {
  const auto number = static_cast<std::size_t>(fd);
  return fd >= 0 && number < places_.size() ? places_[number] : nowhere;
}

void InterestList::assign(std::size_t place, int fd, Ready interest, Mode mode, Token token) {
  fds_[place] = {.fd = fd, .events = to_poll(interest), .revents = 0};
  watches_[place] = {.token = token, .oneshot = mode.oneshot};
}

Result<> InterestList::add(int fd, Ready interest, Mode mode, Token token) {
  if (is_lacking(mode)) return std::unexpected(Errno::unsupported);
  if (auto can_wait = check_can_wait(kernel_, fd); !can_wait) return can_wait;
  if (find(fd) != nowhere) return std::unexpected(Errno{EEXIST});

  const auto number = static_cast<std::size_t>(fd);
  if (number >= places_.size()) places_.resize(number + 1, nowhere);
  places_[number] = fds_.size();
  fds_.emplace_back();
  watches_.emplace_back();
  assign(places_[number], fd, interest, mode, token);
  return {};
}

Result<> InterestList::modify(int fd, Ready interest, Mode mode, Token token) {
  if (is_lacking(mode)) return std::unexpected(Errno::unsupported);
  if (!is_open(kernel_, fd)) return std::unexpected(Errno{EBADF});
  const std::size_t place = find(fd);
  if (place == nowhere) return std::unexpected(Errno{ENOENT});
  assign(place, fd, interest, mode, token);
  return {};
}

Result<> InterestList::remove(int fd) {
  const std::size_t place = find(fd);
  if (place != nowhere) erase(place);
  if (!is_open(kernel_, fd)) return std::unexpected(Errno{EBADF});
  if (place == nowhere) return std::unexpected(Errno{ENOENT});
  return {};
}

// Keeps the order, which is the order of answers; the call that follows looks at all of them
// anyway.
void InterestList::erase(std::size_t place) {
  const auto offset = static_cast<std::ptrdiff_t>(place);
  places_[static_cast<std::size_t>(enabled(fds_[place].fd))] = nowhere;
  fds_.erase(fds_.begin() + offset);
  watches_.erase(watches_.begin() + offset);
  for (std::size_t i = place; i < fds_.size(); ++i)
    places_[static_cast<std::size_t>(enabled(fds_[i].fd))] = i;
  if (place < next_) --next_;
}

void InterestList::drop_closed() {
  for (std::size_t i = fds_.size(); i-- > 0;)
    if ((fds_[i].revents & POLLNVAL) != 0) erase(i);
}

std::span<Event> InterestList::answer(std::span<Event> out) {
  const std::size_t count = fds_.size();
  const std::size_t start = next_;
  std::size_t filled = 0;
  for (std::size_t step = 0; step < count && filled < out.size(); ++step) {
    const std::size_t i = (start + step) % count;
    if (fds_[i].revents == 0) continue;
    out[filled++] = {.ready = from_poll(fds_[i].revents), .token = watches_[i].token};
    if (watches_[i].oneshot) fds_[i].fd = disabled(fds_[i].fd);
    next_ = i + 1;
  }
  return out.first(filled);
}

}  // namespace tocsin::internal
