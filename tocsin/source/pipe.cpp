// SPDX-License-Identifier: MIT
#include "tocsin/source/pipe.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace tocsin {
namespace {

Result<std::unique_ptr<FdSource>> adopt_writer(Loop& loop, Fd fd, std::source_location where) {
  if (auto done = make_nonblocking(loop.kernel(), fd.get()); !done)
    return std::unexpected(done.error());
  return FdSource::create(loop, std::move(fd), "pipe writer", where);
}

// Non-blocking, a FIFO's reader does not wait for a writer; its writer is refused without a reader.
Result<Fd> open_fifo_at(Kernel& kernel, const std::string& path, int access) {
  const int flags = access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  auto fd = own(kernel, kernel.openat(AT_FDCWD, path.c_str(), flags, 0));
  if (!fd) return fd;
  struct statx status{};
  if (auto done = kernel.statx(fd->get(), "", AT_EMPTY_PATH, STATX_TYPE, status); !done)
    return std::unexpected(done.error());
  if (!S_ISFIFO(status.stx_mode)) return std::unexpected(Errno::invalid);
  return fd;
}

Result<std::size_t> as_size(Result<int> answer) {
  if (!answer) return std::unexpected(answer.error());
  return static_cast<std::size_t>(*answer);
}

}  // namespace

// ---- PipeEnd ------------------------------------------------------------------------------------

Result<std::size_t> PipeEnd::capacity() const {
  return as_size(source_->kernel().fcntl(fd(), F_GETPIPE_SZ, 0));
}

Result<std::size_t> PipeEnd::set_capacity(std::size_t bytes) {
  const int wanted = static_cast<int>(std::min<std::size_t>(bytes, INT_MAX));
  return as_size(source_->kernel().fcntl(fd(), F_SETPIPE_SZ, wanted));
}

// ---- PipeReader ---------------------------------------------------------------------------------

// A read stops where a packet does, with another behind it.
PipeReader::PipeReader(std::unique_ptr<FdSource> source, AtEnd at_end)
    : PipeEnd(std::move(source)), at_end_(at_end) {
  this->source().distrust_short_reads();
}

Result<PipeReader> PipeReader::adopt(Loop& loop, Fd fd, std::source_location where) {
  if (auto done = make_nonblocking(loop.kernel(), fd.get()); !done)
    return std::unexpected(done.error());
  return create(&FdSource::create_level, loop, std::move(fd), where);
}

Result<PipeReader> PipeReader::create(Registering registering, Loop& loop, Fd fd,
                                      std::source_location where) {
  auto source = registering(loop, std::move(fd), "pipe reader", where);
  if (!source) return std::unexpected(source.error());
  return PipeReader(std::move(*source), AtEnd::tell);
}

Result<PipeReader> PipeReader::open_fifo(Loop& loop, const std::string& path, AtEnd at_end,
                                         std::source_location where) {
  auto fd = open_fifo_at(loop.kernel(), path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create_level(loop, std::move(*fd), "fifo reader", where);
  if (!source) return std::unexpected(source.error());
  return PipeReader(std::move(*source), at_end);
}

// ---- PipeWriter ---------------------------------------------------------------------------------

Result<PipeWriter> PipeWriter::adopt(Loop& loop, Fd fd, std::source_location where) {
  auto source = adopt_writer(loop, std::move(fd), where);
  if (!source) return std::unexpected(source.error());
  return PipeWriter(std::move(*source));
}

Result<PipeWriter> PipeWriter::open_fifo(Loop& loop, const std::string& path,
                                         std::source_location where) {
  auto fd = open_fifo_at(loop.kernel(), path, O_WRONLY);
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "fifo writer", where);
  if (!source) return std::unexpected(source.error());
  return PipeWriter(std::move(*source));
}

// ---- Pipe ---------------------------------------------------------------------------------------

Result<Pipe> Pipe::create(Loop& loop, const PipeOptions& options, std::source_location where) {
  Kernel& kernel = loop.kernel();
  const auto fds = kernel.pipe2(O_NONBLOCK | O_CLOEXEC | (options.packets ? O_DIRECT : 0));
  if (!fds) return std::unexpected(fds.error());
  Fd to_read(kernel, (*fds)[0]);
  Fd to_write(kernel, (*fds)[1]);
  // A level spares a message the second read, that finds nothing; of packets it tells one a turn.
  auto reader = PipeReader::create(options.packets ? &FdSource::create : &FdSource::create_level,
                                   loop, std::move(to_read), where);
  if (!reader) return std::unexpected(reader.error());
  auto writer = PipeWriter::adopt(loop, std::move(to_write), where);
  if (!writer) return std::unexpected(writer.error());
  return Pipe{.reader = std::move(*reader), .writer = std::move(*writer)};
}

}  // namespace tocsin
