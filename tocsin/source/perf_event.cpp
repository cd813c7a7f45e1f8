// SPDX-License-Identifier: MIT
#include "tocsin/source/perf_event.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace tocsin {
namespace {

// A power of two; of the 516 KiB of perf_event_mlock_kb that everybody may have, and enough for a
// thousand samples.
constexpr std::size_t data_pages = 8;

// What PERF_SAMPLE_IP, TID and TIME leave behind the header of PERF_RECORD_SAMPLE, in this order.
struct SampleBody {
  std::uint64_t address;
  std::uint32_t process;
  std::uint32_t thread;
  std::uint64_t time;
};
struct LostBody {
  std::uint64_t id;
  std::uint64_t lost;
};

// Copies from the ring, in which what does not fit before the end goes on at the beginning.
template <class T>
T copy_at(ByteView data, std::uint64_t position) {
  T value;
  const std::size_t begin = position % data.size();
  const std::size_t first = std::min(sizeof value, data.size() - begin);
  auto* const into = reinterpret_cast<std::byte*>(&value);
  std::memcpy(into, data.data() + begin, first);
  std::memcpy(into + first, data.data(), sizeof value - first);
  return value;
}

}  // namespace

Result<PerfEvent> PerfEvent::create(Loop& loop, const PerfEventOptions& options,
                                    std::source_location where) {
  if (options.period == 0) return std::unexpected(Errno::invalid);
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = options.type;
  attributes.config = options.config;
  attributes.sample_period = options.period;
  attributes.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
  attributes.wakeup_events = options.wake_after;
  attributes.exclude_kernel = !options.kernel;
  attributes.exclude_hv = 1;
  Kernel& kernel = loop.kernel();
  auto fd = own(kernel, kernel.perf_event_open(attributes, options.thread, options.cpu, -1,
                                               PERF_FLAG_FD_CLOEXEC));
  if (!fd) return std::unexpected(fd.error());
  const int number = fd->get();
  const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t length = (1 + data_pages) * page_size;
  const auto ring = kernel.mmap(length, PROT_READ | PROT_WRITE, MAP_SHARED, number);
  if (!ring) return std::unexpected(ring.error());
  PerfEvent event(kernel, std::move(*fd), {static_cast<std::byte*>(*ring), length});
  // Not before: without a ring it says EPOLLHUP. And edges, for asking clears it.
  auto watch =
      Watch::create(loop, number, Ready::read, {.trigger = Trigger::edge}, "perf event", where);
  if (!watch) return std::unexpected(watch.error());
  event.watch_ = std::move(*watch);
  return event;
}

PerfEvent::PerfEvent(PerfEvent&& other) noexcept
    : kernel_(other.kernel_),
      fd_(std::move(other.fd_)),
      ring_(std::exchange(other.ring_, {})),
      watch_(std::move(other.watch_)),
      has_ended_(other.has_ended_) {}

PerfEvent::~PerfEvent() {
  if (!ring_.empty()) static_cast<void>(kernel_->munmap(ring_.data(), ring_.size()));
}

// The kernel writes up to `data_head`, and not over what lies from `data_tail` on.
PerfOverflow PerfEvent::take_samples() {
  PerfOverflow overflow;
  auto& page = *reinterpret_cast<perf_event_mmap_page*>(ring_.data());
  const ByteView data = ring_.subspan(ring_.size() / (1 + data_pages));
  const std::uint64_t head = std::atomic_ref(page.data_head).load(std::memory_order_acquire);
  std::uint64_t tail = page.data_tail;
  while (tail < head) {
    const auto header = copy_at<perf_event_header>(data, tail);
    const std::uint64_t body = tail + sizeof header;
    if (header.type == PERF_RECORD_SAMPLE) {
      const auto sample = copy_at<SampleBody>(data, body);
      overflow.samples.push_back({.address = sample.address,
                                  .process = static_cast<pid_t>(sample.process),
                                  .thread = static_cast<pid_t>(sample.thread),
                                  .time = sample.time});
    } else if (header.type == PERF_RECORD_LOST) {
      overflow.lost += copy_at<LostBody>(data, body).lost;
    }
    tail += header.size;
  }
  std::atomic_ref(page.data_tail).store(tail, std::memory_order_release);
  return overflow;
}

Task<Result<PerfOverflow>> PerfEvent::next() {
  while (true) {
    if (!has_ended_) {
      const auto ready = co_await watch_->next();
      if (!ready) co_return std::unexpected(ready.error());
      has_ended_ = any(*ready, Ready::hangup);  // That is told once; samples may come with it.
    }
    PerfOverflow overflow = take_samples();
    if (!overflow.samples.empty() || overflow.lost > 0) co_return overflow;
    if (has_ended_) co_return std::unexpected(Errno{ESRCH});
  }
}

Result<std::uint64_t> PerfEvent::count() const {
  std::uint64_t value = 0;
  const auto count = kernel_->read(fd_.get(), std::as_writable_bytes(std::span(&value, 1)));
  if (!count) return std::unexpected(count.error());
  return value;
}

}  // namespace tocsin
