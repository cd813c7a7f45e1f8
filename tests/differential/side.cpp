// SPDX-License-Identifier: MIT
#include "tests/differential/side.hpp"

#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace tocsin::differential {

void Answer::clear() {
  result = 0;
  numbers.clear();
  text.clear();
}

void Answer::add_bytes(ByteView bytes) {
  std::uint64_t sum = 0;
  std::uint64_t start = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    sum = sum * 31 + byte;
    if (i < 8) start |= byte << (8 * i);
  }
  add("start", start);
  add("sum", sum);
}

std::string to_text(const Answer& answer) {
  std::string text = "= ";
  if (answer.ok())
    text += std::to_string(answer.result);
  else
    text += Errno{static_cast<int>(-answer.result)}.name();
  for (const auto& number : answer.numbers) {
    char word[64];
    std::snprintf(word, sizeof word, " %s=0x%" PRIx64, number.label, number.value);
    text += word;
  }
  if (answer.text.empty()) return text;
  std::string line = answer.text;
  std::ranges::replace(line, '\n', ';');
  return text + " \"" + line + '"';
}

void Side::perform(const Op& op, Answer& answer) {
  answer.clear();
  if (!start_) start_ = now();
  op.spec->perform(*this, op.values, answer);
}

FdSet Side::fd_set_of(std::int64_t chosen) const {
  FdSet set{};
  for (std::size_t i = 0; i < slots; ++i)
    if (((chosen >> i) & 1) != 0 && fds_[i] >= 0) set[0] |= 1UL << (fds_[i] % 64);
  return set;
}

void Side::make_comparable(int fd, MutableBytes bytes) {
  if (bytes.size() < sizeof(inotify_event)) return;  // Neither holds less.
  switch (content_of(fd)) {
    case Content::plain:
      return;
    case Content::signals:
      for (; bytes.size() >= sizeof(signalfd_siginfo);
           bytes = bytes.subspan(sizeof(signalfd_siginfo))) {
        signalfd_siginfo info;
        std::memcpy(&info, bytes.data(), sizeof info);
        info.ssi_pid = name_of_process(static_cast<pid_t>(info.ssi_pid));
        info.ssi_uid = info.ssi_uid == ::getuid() ? 0 : info.ssi_uid;
        info.ssi_utime = info.ssi_stime = 0;
        std::memcpy(bytes.data(), &info, sizeof info);
      }
      return;
    case Content::file_events:
      while (bytes.size() >= sizeof(inotify_event)) {
        inotify_event event;
        std::memcpy(&event, bytes.data(), sizeof event);
        event.cookie = renamed_cookie(event.cookie);
        std::memcpy(bytes.data(), &event, sizeof event);
        bytes = bytes.subspan(std::min(bytes.size(), sizeof event + event.len));
      }
      return;
  }
}

std::uint32_t Side::renamed_cookie(std::uint32_t cookie) {
  if (cookie == 0) return 0;
  const auto known = std::ranges::find(cookies_, cookie);
  const auto place = static_cast<std::uint32_t>(known - cookies_.begin());
  if (known == cookies_.end()) cookies_.push_back(cookie);
  return place + 1;
}

// 1 is the one that performs the sequence, then its children.
std::uint32_t Side::name_of_process(pid_t pid) {
  if (pid == 0) return 0;
  if (pid == kernel().getpid()) return 1;
  const auto child = std::ranges::find(children_, pid);
  return 2 + static_cast<std::uint32_t>(child - children_.begin());
}

std::uint64_t Side::name_of_port(int protocol, std::uint16_t port) {
  if (port == 0) return 0;
  const std::uint64_t key = static_cast<std::uint64_t>(protocol) << 16 | port;
  const auto known = std::ranges::find(ports_, key);
  const auto place = static_cast<std::uint64_t>(known - ports_.begin());
  if (known == ports_.end()) ports_.push_back(key);
  return place + 1;
}

void Side::pass(int count) {
  cell_ += count;
  wait_until(*start_ + cell * cell_);
}

// What ends a wait is a time-out, which began with a cell, or a timer, in the middle of one; not
// what is left of the cell.
void Side::finish_cell() {
  const Duration phase = into_cell() % cell;
  const bool is_between = phase > late && phase < first_expiry;
  missed_cell_ = missed_cell_ || is_between || phase > cell - late / 2;
  while (into_cell() > late) ++cell_;
  wait_until(*start_ + cell * cell_);
}

void Side::take(Answer& answer, std::int64_t slot, Result<int> made) {
  answer.take(made);
  set(slot, made.value_or(-1));
}

void Side::take(Answer& answer, std::int64_t first, std::int64_t second,
                Result<std::array<int, 2>> made) {
  answer.result = made ? 0 : -made.error().value();
  const auto fds = made.value_or(std::array{-1, -1});
  set(first, fds[0]);
  set(second, fds[1]);
  if (!made) return;
  answer.add("first", static_cast<std::uint64_t>(fds[0]));
  answer.add("second", static_cast<std::uint64_t>(fds[1]));
}

}  // namespace tocsin::differential
