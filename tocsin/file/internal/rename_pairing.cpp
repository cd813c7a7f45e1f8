// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/rename_pairing.hpp"

#include <algorithm>
#include <utility>

namespace tocsin::internal {
namespace {

constexpr bool is(const FileEvent& event, std::uint32_t bit) { return (event.mask & bit) != 0; }

FileEvent as_rename(FileEvent from) {
  from.mask = (from.mask & IN_ISDIR) | event_rename;
  return from;
}

FileEvent as_rename(FileEvent from, FileEvent to) {
  from = as_rename(std::move(from));
  from.to_directory = std::move(to.directory);
  from.to_name = std::move(to.name);
  return from;
}

}  // namespace

void RenamePairing::push(FileEvent event, TimePoint now) {
  if (is(event, IN_MOVED_TO)) second_halves_.insert(event.cookie);
  if (is(event, IN_Q_OVERFLOW)) ++overflows_;
  queue_.push_back({std::move(event), now});
}

TimePoint RenamePairing::held_until() const { return saturating_add(queue_.front().since, hold_); }

FileEvent RenamePairing::take_front() {
  FileEvent event = std::move(queue_.front().event);
  queue_.pop_front();
  return event;
}

std::optional<FileEvent> RenamePairing::take_second_half(std::uint32_t cookie) {
  if (second_halves_.erase(cookie) == 0) return std::nullopt;
  const auto found = std::ranges::find_if(queue_, [cookie](const Queued& queued) {
    return is(queued.event, IN_MOVED_TO) && queued.event.cookie == cookie;
  });
  FileEvent event = std::move(found->event);
  queue_.erase(found);
  return event;
}

std::optional<FileEvent> RenamePairing::pop(TimePoint now) {
  if (queue_.empty()) return std::nullopt;
  const FileEvent& front = queue_.front().event;
  if (is(front, IN_MOVED_FROM)) {
    auto second = take_second_half(front.cookie);
    if (second) return as_rename(take_front(), std::move(*second));
    if (overflows_ == 0 && now < held_until()) return std::nullopt;
    return as_rename(take_front());
  }
  if (is(front, IN_MOVED_TO)) {
    second_halves_.erase(front.cookie);
    FileEvent second = take_front();
    FileEvent first;
    first.mask = second.mask;
    first.end = second.end;
    return as_rename(std::move(first), std::move(second));
  }
  if (is(front, IN_Q_OVERFLOW)) --overflows_;
  return take_front();
}

}  // namespace tocsin::internal
