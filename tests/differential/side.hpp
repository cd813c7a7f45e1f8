// SPDX-License-Identifier: MIT
//
// Side, Answer: one of the two kernels as a sequence is performed on it, and what it answered.
//
//     Sequence ──op──> [ Side ] ──> Kernel (LinuxKernel, or a Process of vkern)
//                          └──> Answer: result, numbers, text
//
// What is not a system call but is compared as well (fdinfo) or differs by nature (where files lie,
// what a queue is called) is a virtual function here.
//
// Ownership: the Side owns whatever it needs for a sequence and undoes it in `reset`.
// Thread rule: one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/op.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/kern/kernel.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::differential {

/// What one op came to. Two kernels agree if these are equal.
struct Answer {
  struct Number {
    const char* label;
    std::uint64_t value;
    bool operator==(const Number& other) const { return value == other.value; }
  };

  std::int64_t result = 0;  // As the kernel's: an errno below zero.
  std::vector<Number> numbers;
  std::string text;
  bool is_asleep = false;  // The call has not come back; see Side::perform_in_thread.
  std::string others;      // Who has come back meanwhile, and with what.

  bool operator==(const Answer&) const = default;
  bool ok() const { return result >= 0; }
  void clear();
  void add(const char* label, std::uint64_t value) { numbers.push_back({label, value}); }
  /// How many bytes there are is in the result; a sum of them, and how they begin.
  void add_bytes(ByteView bytes);
  void take(Count count) { result = count.as_kernel(); }
  void take(Result<> done) { result = done ? 0 : -done.error().value(); }
  void take(Result<int> value) { result = value ? *value : -value.error().value(); }
};

/// "= 3 events=0x1 data=0x7", as the C program prints it, too.
std::string to_text(const Answer& answer);

/// What is read from a descriptor, as far as some of it is a machine's own and not compared.
enum class Content { plain, signals, file_events };

/// Where something is read from, and what it is then.
struct Source {
  int fd;
  std::optional<Content> content;  // None: nobody can close it meanwhile.
};

/// So many threads there are for calls that block, and for the one that goes on.
inline constexpr std::size_t most_threads = 6;

/// As select(2) has it: room for 1024 descriptors.
using FdSet = std::array<unsigned long, 16>;

class LinuxThreads;

class Side {
 public:
  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  virtual ~Side() = default;

  virtual Kernel& kernel() = 0;
  /// Below the lines that every kind has, sorted, without what names a machine's own things.
  virtual std::string fdinfo(int fd) = 0;

  // ---- time: in cells, see ops_time.cpp ---------------------------------------------------------
  static constexpr std::chrono::milliseconds cell{20};
  static constexpr Duration late = cell / 5;
  static constexpr Duration first_expiry = cell / 4;
  static constexpr Duration between_expiries = cell / 20;
  /// On to the beginning of the `count`-th cell from here.
  void pass(int count);
  /// On to the end of the cell, unless this is the beginning of one.
  void finish_cell();
  /// When in its cell the next timer that is set is to expire: not together with the one before.
  Duration next_expiry() { return first_expiry + between_expiries * (timers_++ % 10); }
  /// How much of the cell is over: of real time always some.
  Duration into_cell() { return now() - *start_ - cell * cell_; }
  /// Too much of it, now or when a call came back, so that nobody knows what came first.
  bool is_late() { return missed_cell_ || into_cell() > late; }

  // ---- the network: see ops_inet.hpp
  // -------------------------------------------------------------
  /// Before a socket of it is made.
  void enter_network() {
    if (!std::exchange(is_in_network_, true)) prepare_network();
  }
  bool is_in_network() const { return is_in_network_; }
  std::uint64_t name_of_port(int protocol, std::uint16_t port);

  /// A child that has the same descriptors and does nothing.
  virtual pid_t fork() = 0;
  /// Has a child, which was not waited for, end with a status, and waits until it is a zombie.
  virtual Result<> end_child(pid_t pid, int status) = 0;
  /// Until a child that was killed is a zombie.
  virtual void await_end(pid_t pid) = 0;
  virtual Content content_of(int fd) = 0;
  /// Of what a slot holds, before it is read.
  Source source(std::int64_t slot);
  /// Hides in what was read what differs by nature: numbers of processes and users, times
  /// that were used; cookies, which are numbered anew in the order of their appearance.
  void make_comparable(const Source& source, MutableBytes bytes);
  /// As before the first sequence. `used` are the kinds that the one before made use of.
  virtual void reset(std::uint32_t used) = 0;

  /// Performs one op; slots are set and read on the way.
  void perform(const Op& op, Answer& answer);

  /// The same in one of a few threads, while others are asleep in ops of theirs. Comes back when
  /// nobody can go on any more; who has come back is in the answer, in that order. Requires: not
  /// `all_asleep`.
  void perform_in_thread(const Op& op, Answer& answer);
  /// Nobody is left who could perform an op.
  bool all_asleep() const;
  bool is_in_threads() const { return in_threads_; }

  int fd(std::int64_t slot) const { return fds_[static_cast<std::size_t>(slot) % slots]; }
  /// The descriptors in a set of slots.
  FdSet fd_set_of(std::int64_t chosen) const;
  void set(std::int64_t slot, int fd) { fds_[static_cast<std::size_t>(slot) % slots] = fd; }
  /// One of a few children, by its number: 0 if there is none. See ops_process.cpp.
  pid_t child(std::int64_t which) const {
    return children_[static_cast<std::size_t>(which) % children_.size()];
  }
  void set_child(std::int64_t which, pid_t pid) {
    children_[static_cast<std::size_t>(which) % children_.size()] = pid;
  }
  std::uint32_t name_of_process(pid_t pid);

  /// Of a call that makes one descriptor: into the answer and into its slot, -1 after a failure.
  void take(Answer& answer, std::int64_t slot, Result<int> made);
  void take(Answer& answer, std::int64_t first, std::int64_t second,
            Result<std::array<int, 2>> made);

 protected:
  virtual void prepare_network() {}
  virtual TimePoint now() = 0;
  virtual void wait_until(TimePoint when) = 0;
  /// Has one of the threads call `work`, and waits until each has done what it could.
  virtual void start(std::size_t thread) = 0;
  void work(std::size_t thread);
  void clear() {
    start_.reset();
    cell_ = 0;
    missed_cell_ = false;
    timers_ = 0;
    fds_.fill(-1);
    cookies_.clear();
    ports_.clear();
    is_in_network_ = false;
    children_.fill(0);
    jobs_.fill({});
    in_threads_ = false;
  }

 private:
  struct Job {
    Op op;
    Answer answer;
    bool is_under_way = false;
  };

  std::uint32_t renamed_cookie(std::uint32_t cookie);

  std::optional<TimePoint> start_;  // Of the first op.
  std::int64_t cell_ = 0;           // In which this is.
  bool missed_cell_ = false;
  int timers_ = 0;                        // That were set.
  std::array<Job, most_threads> jobs_{};  // Of each thread, the last.
  std::vector<std::size_t> returned_;     // Threads that have come back, in that order.
  bool in_threads_ = false;
  std::array<pid_t, 3> children_{};
  std::vector<std::uint32_t> cookies_;  // In the order of their appearance.
  std::vector<std::uint64_t> ports_;    // Likewise.
  bool is_in_network_ = false;
  std::array<int, slots> fds_{-1, -1, -1, -1, -1, -1, -1, -1};
};

/// How many descriptors a process of either side may have: few, so that the limit is met.
inline constexpr int most_descriptors = 64;

/// The running kernel. The process that makes one gives up its descriptors (and everything else
/// that a sequence may touch: signals, its working directory): fork first.
class LinuxSide final : public Side {
 public:
  LinuxSide();
  ~LinuxSide() override;
  Kernel& kernel() override;
  std::string fdinfo(int fd) override;
  pid_t fork() override;
  Result<> end_child(pid_t pid, int status) override;
  void await_end(pid_t pid) override;
  Content content_of(int fd) override;
  void reset(std::uint32_t used) override;

  /// How long this thread has waited for a processor since it began; 0 if the kernel does not count
  /// it (CONFIG_SCHED_INFO).
  Duration delay();

 private:
  std::string text_of(const std::string& path);
  TimePoint now() override;
  void wait_until(TimePoint when) override;
  void prepare_network() override;
  void start(std::size_t thread) override;

  int sequences_in_network_ = 0;           // 0: there is none yet.
  std::vector<pid_t> children_;            // That are not reaped, or may not be.
  std::unique_ptr<LinuxThreads> threads_;  // Once they were needed.
};

/// A kernel in user space, a new one for each sequence.
class VkernSide final : public Side {
 public:
  VkernSide() { VkernSide::reset(0); }
  Kernel& kernel() override { return system_->init(); }
  std::string fdinfo(int fd) override;
  pid_t fork() override;
  Result<> end_child(pid_t pid, int status) override;
  void await_end(pid_t pid) override;
  Content content_of(int fd) override;
  void reset(std::uint32_t used) override;

  /// Of the Linux that is running, found by asking it.
  static const vkern::Profile& profile();

 private:
  TimePoint now() override { return system_->world().now(); }
  void wait_until(TimePoint when) override;
  void prepare_network() override;
  void start(std::size_t thread) override;

  std::optional<vkern::System<vkern::Single>> system_;
};

/// Of all kinds, those that a kernel has: an absent one answers ENOSYS or EAFNOSUPPORT.
std::uint32_t kinds_present(Side& side);

}  // namespace tocsin::differential
