// SPDX-License-Identifier: MIT
#include "tocsin/source/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <span>

namespace tocsin {
namespace {

constexpr Errno overwritten_errno{EPIPE};

// The number up to the next comma, which goes too.
template <class Number>
std::optional<Number> take_number(std::string_view& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const auto used = static_cast<std::size_t>(end - text.data());
  text.remove_prefix(std::min(used + 1, text.size()));
  return number;
}

// "All unprintable characters, and the backslash, are escaped": \x0a.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char value = 0;
    if (text.substr(i).starts_with("\\x") && i + 3 < text.size()) {
      const char* const digits = text.data() + i + 2;
      if (std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
        plain += static_cast<char>(value);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

}  // namespace

// "6,339,5140900,-;NET: Registered protocol family 10\n SUBSYSTEM=net\n"
std::optional<LogRecord> parse_log_record(std::string_view text) {
  const auto priority = take_number<int>(text);
  const auto sequence = priority ? take_number<std::uint64_t>(text) : std::nullopt;
  const auto time = sequence ? take_number<std::int64_t>(text) : std::nullopt;
  const std::size_t begin = text.find(';');
  if (!time || begin == text.npos) return std::nullopt;
  text.remove_prefix(begin + 1);

  LogRecord record{.severity = *priority & 7,
                   .facility = *priority >> 3,
                   .sequence = *sequence,
                   .since_boot = std::chrono::microseconds{*time},
                   .text = unescaped(text.substr(0, text.find('\n'))),
                   .details = {}};
  text.remove_prefix(std::min(text.find('\n'), text.size()));
  while (text.starts_with("\n ")) {
    text.remove_prefix(2);
    const std::size_t end = std::min(text.find('\n'), text.size());
    record.details += unescaped(text.substr(0, end)) + '\n';
    text.remove_prefix(end);
  }
  return record;
}

Result<KernelLog> KernelLog::create(Loop& loop, From from, std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = own(kernel, kernel.openat(AT_FDCWD, "/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0));
  if (!fd) return std::unexpected(fd.error());
  if (from == From::now) {
    if (auto sought = kernel.lseek(fd->get(), 0, SEEK_END); !sought)
      return std::unexpected(sought.error());
  }
  auto source = FdSource::create(loop, std::move(*fd), "kernel log", where);
  if (!source) return std::unexpected(source.error());
  auto reader = std::make_unique<internal::LogReader>();
  reader->source = std::move(*source);
  return KernelLog(std::move(reader));
}

bool NextLogRecord::attempt() {
  FdSource& from = source();
  bool overwritten = false;
  while (from.may_spend()) {
    const auto count =
        from.kernel().read(from.fd(), std::as_writable_bytes(std::span(reader_.room)));
    from.spend(count ? *count : 0);
    if (count && take(*count, overwritten)) return true;
    if (count) continue;
    // "EPIPE is returned if the messages get overwritten"; the next read gives the oldest there is.
    overwritten |= count.error() == overwritten_errno;
    if (count.error() == overwritten_errno) continue;
    if (count.error() == Errno::again) {
      from.blocked(Direction::read);
      return false;
    }
    fail(count.error());
    return true;
  }
  return false;
}

// What is no record is passed over: there is none in any version that has been seen.
bool NextLogRecord::take(std::size_t count, bool overwritten) {
  auto record = parse_log_record({reader_.room.data(), count});
  if (!record) return false;
  if (overwritten) record->lost = 1;  // At least: it is not known where it would have begun.
  if (reader_.expected && record->sequence > *reader_.expected)
    record->lost = record->sequence - *reader_.expected;
  reader_.expected = record->sequence + 1;
  answer_ = std::move(*record);
  return true;
}

}  // namespace tocsin
