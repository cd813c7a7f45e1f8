// SPDX-License-Identifier: MIT
#include "tests/differential/side.hpp"

#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "tocsin/base/check.hpp"

namespace tocsin::differential {

void Answer::clear() {
  result = 0;
  numbers.clear();
  text.clear();
  is_asleep = false;
  others.clear();
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
  if (answer.is_asleep) return "asleep" + answer.others;
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
  if (answer.text.empty()) return text + answer.others;
  std::string line = answer.text;
  std::ranges::replace(line, '\n', ';');
  return text + " \"" + line + '"' + answer.others;
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

// While it is read from, another thread may close it. Without threads it is not asked for in vain:
// it costs a system call.
Source Side::source(std::int64_t slot) {
  Source source{.fd = fd(slot), .content = {}};
  if (in_threads_) source.content = content_of(source.fd);
  return source;
}

void Side::make_comparable(const Source& source, MutableBytes bytes) {
  if (bytes.size() < sizeof(inotify_event)) return;  // Neither holds less.
  const Content content = source.content ? *source.content : content_of(source.fd);
  switch (content) {
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

// ---- threads ------------------------------------------------------------------------------------

bool Side::all_asleep() const {
  return std::ranges::all_of(jobs_, [](const Job& job) { return job.is_under_way; });
}

void Side::perform_in_thread(const Op& op, Answer& answer) {
  in_threads_ = true;
  const auto job = std::ranges::find(jobs_, false, &Job::is_under_way);
  CHECK(job != jobs_.end(), "somebody is awake");
  const auto thread = static_cast<std::size_t>(job - jobs_.begin());
  job->op = op;
  job->is_under_way = true;
  returned_.clear();
  start(thread);
  answer.clear();
  if (job->is_under_way)
    answer.is_asleep = true;
  else
    answer = job->answer;
  for (const std::size_t other : returned_)
    if (other != thread)
      answer.others += " | " + std::to_string(other) + ' ' + to_text(jobs_[other].answer);
}

void Side::work(std::size_t thread) {
  Job& job = jobs_[thread];
  perform(job.op, job.answer);
  job.is_under_way = false;
  returned_.push_back(thread);
}

// ---- answers ------------------------------------------------------------------------------------

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
