// SPDX-License-Identifier: MIT
//
// Ready, Mode and Token: the vocabulary in which readiness is asked for and answered.
//
// The bits of Ready are epoll's own (epoll_ctl(2)), which on Linux are poll's too, so that nothing
// has to be translated on the way of an event.
//
// Thread rule: values; any thread.
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>

namespace tocsin {

/// One vocabulary for the question ("tell me when") and for the answer ("it is"). `error` and
/// `hangup` are answered whether asked for or not, as poll(2) and epoll_ctl(2) do.
enum class Ready : std::uint32_t {
  none = 0,
  read = EPOLLIN,            // Data, a connection to accept, or the end of the stream.
  priority = EPOLLPRI,       // TCP urgent data and other exceptional conditions.
  write = EPOLLOUT,          // Room to write.
  error = EPOLLERR,          // An error is pending; of a pipe, the reader is gone.
  hangup = EPOLLHUP,         // Both directions are closed.
  read_hangup = EPOLLRDHUP,  // The peer has finished writing.
};

constexpr Ready operator|(Ready a, Ready b) {
  return Ready{static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b)};
}
constexpr Ready operator&(Ready a, Ready b) {
  return Ready{static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b)};
}
constexpr Ready operator~(Ready a) { return Ready{~static_cast<std::uint32_t>(a)}; }
constexpr Ready& operator|=(Ready& a, Ready b) { return a = a | b; }
constexpr Ready& operator&=(Ready& a, Ready b) { return a = a & b; }

/// Whether `set` holds at least one of `bits`.
constexpr bool any(Ready set, Ready bits) { return (set & bits) != Ready::none; }

/// When a registration answers again after it has answered once (epoll(7), "Level-triggered and
/// edge-triggered").
enum class Trigger : std::uint8_t {
  level,  // At every wait, as long as the condition holds.
  edge,   // When something new has happened since the last answer.
};

struct Mode {
  Trigger trigger = Trigger::level;
  bool oneshot = false;    // Disabled after one answer, until modify() (EPOLLONESHOT).
  bool exclusive = false;  // Of several pollers on one file, not all are woken (EPOLLEXCLUSIVE).
};

/// Names one registration, never one fd: chosen by whoever adds it, carried by the kernel, handed
/// back in each event. The Loop never uses one twice.
enum class Token : std::uint64_t {};

/// One answer. It is laid out as the kernel's struct epoll_event (packed on x86-64, as there), so
/// that epoll answers straight into it.
struct Event {
  Ready ready;
  Token token;
} __EPOLL_PACKED;
static_assert(sizeof(Event) == sizeof(epoll_event) &&
              offsetof(Event, token) == offsetof(epoll_event, data));

}  // namespace tocsin
