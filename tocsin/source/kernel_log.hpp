// SPDX-License-Identifier: MIT
//
// KernelLog: what the kernel has to say, record by record (/dev/kmsg; the kernel's
// Documentation/ABI/testing/dev-kmsg).
//
//     printk ──> ring of the kernel ──> /dev/kmsg ──> [ KernelLog ] ──> co_await log.next()
//
// The ring is bounded: whoever reads too slowly finds that records were overwritten. That is no
// error here: the next record says how many there were before it.
//
// Ownership: it owns its descriptor; the loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "tocsin/base/time.hpp"
#include "tocsin/source/fd_source.hpp"

namespace tocsin {

struct LogRecord {
  int severity = 0;            // As in syslog(3): LOG_EMERG, 0, to LOG_DEBUG, 7.
  int facility = 0;            // 0 of the kernel; of user space, whatever it wrote.
  std::uint64_t sequence = 0;  // Counts the records.
  Duration since_boot{};       // In microseconds; stands still while the machine is suspended.
  std::string text;
  std::string details;     // Lines "KEY=value", as a driver gave them; mostly empty.
  std::uint64_t lost = 0;  // How many records were overwritten before this one was read.
};

/// The record in what one read(2) of /dev/kmsg gave; nullopt if it is none.
std::optional<LogRecord> parse_log_record(std::string_view text);

namespace internal {

struct LogReader {
  std::unique_ptr<FdSource> source;
  std::optional<std::uint64_t> expected;  // The sequence number of the next record.
  std::array<char, 8192> room;            // The longest record there is, in any version.
};

}  // namespace internal

/// See KernelLog::next.
class [[nodiscard]] NextLogRecord final : public IoOperation<Direction::read> {
 public:
  explicit NextLogRecord(internal::LogReader& reader)
      : IoOperation(*reader.source), reader_(reader) {}
  NextLogRecord(NextLogRecord&&) = default;

  Result<LogRecord> await_resume() { return std::move(answer_); }

 private:
  bool attempt() override;
  void fail(Errno error) override { answer_ = std::unexpected(error); }
  bool take(std::size_t count, bool overwritten);

  internal::LogReader& reader_;
  Result<LogRecord> answer_;
};

class KernelLog {
 public:
  enum class From : std::uint8_t {
    oldest,  // All that the kernel still has.
    now,     // What comes from here on.
  };

  /// Fails with EPERM without CAP_SYSLOG, where /proc/sys/kernel/dmesg_restrict asks for it; with
  /// EACCES where the file's owner forbids it, ENOENT where there is no /dev/kmsg (in containers).
  static Result<KernelLog> create(Loop& loop, From from = From::now,
                                  std::source_location where = std::source_location::current());

  /// Waits for the next record. Fails with ECANCELED only; nothing is lost then. One at a time.
  NextLogRecord next() { return NextLogRecord(*reader_); }

 private:
  explicit KernelLog(std::unique_ptr<internal::LogReader> reader) : reader_(std::move(reader)) {}

  std::unique_ptr<internal::LogReader> reader_;  // Operations point to it.
};

}  // namespace tocsin
