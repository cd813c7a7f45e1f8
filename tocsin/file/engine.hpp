// SPDX-License-Identifier: MIT
//
// FileEngine: what makes a call on a regular file while its loop serves others.
//
//     File ──> [ FileEngine: io_uring | aio | threads ] ──> the kernel ──> whoever awaits it
//
// A regular file is always "ready" (epoll(7) refuses it with EPERM), yet a read of it may wait for
// a disk. So there is no readiness to wait for, only completion: of an io_uring, whose completions
// ring an eventfd in the loop; or, where io_uring is forbidden or missing, of a few threads, which
// answer through the loop's Waker. The third engine is the kernel's AIO, for files opened with
// O_DIRECT, on machines without io_uring; all the rest it leaves to threads.
//
// At most so many calls are in flight at once. A further one waits in its coroutine frame until one
// has ended, first come, first served: awaiting is the back-pressure, and memory stays bounded,
// since a call takes a buffer from the loop's pool only when it goes into flight.
//
// What a call in flight touches (buffer, path, statx, descriptor) it owns, on the heap: the frame
// that awaits it can be destroyed at any time, and the engine cleans up when the kernel is done.
//
// Ownership: the engine owns the calls in flight; the loop must outlive it. It does not survive
// fork(2): a child makes its own. Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tocsin/source/fd_source.hpp"

namespace tocsin {

namespace internal {
struct FileCall;
class FileOperation;
struct OpenFile;
}  // namespace internal

/// Which engine; `automatic` is io_uring where it works, else threads.
enum class EngineChoice : std::uint8_t { automatic, io_uring, aio, threads };

struct FileEngineOptions {
  EngineChoice choice = EngineChoice::automatic;
  unsigned threads = 4;          // Of the engine of threads: so many calls run at the same time.
  unsigned most_in_flight = 64;  // Calls begun and not ended. Each may hold a buffer of the loop's,
                                 // one of a vector 8 of them.
};

class FileEngine {
 public:
  /// Fails as io_uring_setup(2), io_uring_register(2) and eventfd(2) do, with ENOSYS if an opcode
  /// is missing (io_uring); with EAGAIN where pthread_create(3) does (threads); as io_setup(2),
  /// with EAGAIN where /proc/sys/fs/aio-max-nr is used up (aio). Requires:
  /// `threads` is not 0, and `most_in_flight` 1 to 32768, the most entries a ring can have.
  static Result<std::unique_ptr<FileEngine>> create(Loop& loop,
                                                    const FileEngineOptions& options = {});
  FileEngine(const FileEngine&) = delete;
  FileEngine& operator=(const FileEngine&) = delete;

  /// Whatever is awaited ends: with ECANCELED if it had not begun or could be called off, else with
  /// its result, for which this waits: a call that runs cannot be abandoned, it holds our memory.
  /// Files of this engine can be used on, but every operation that would wait gives ECANCELED.
  virtual ~FileEngine();

  /// "io_uring", "aio" or "threads".
  virtual std::string_view name() const = 0;

  /// Why it is not the other one: "it was asked for", "io_uring is there", or the reason for which
  /// io_uring is not, such as "io_uring: EPERM, Operation not permitted".
  const std::string& why() const { return why_; }

  Loop& loop() const { return loop_; }

  /// Calls begun and not ended, those included that nobody awaits any more.
  std::size_t in_flight() const { return in_flight_; }

 protected:
  FileEngine(Loop& loop, const FileEngineOptions& options);

  /// For engines: the kernel is done with `call`, whose `answer` is set. Its awaiter is posted, or
  /// the call destroyed if there is none. Begins what waits.
  void ended(internal::FileCall& call);

  /// For the destructors of engines, first thing: nothing begins any more; what has not begun ends
  /// with ECANCELED.
  void close();

 private:
  friend struct internal::FileCall;
  friend class internal::FileOperation;
  friend struct internal::OpenFile;

  /// Begins `call`; `ended` will be called later, not in here. After a failure it has not begun.
  virtual Result<> submit(internal::FileCall& call) = 0;

  /// Tries to call `call` off; `ended` will be called, in here or later. May be called again.
  virtual void cancel(internal::FileCall& call) = 0;

  void start(internal::FileOperation& operation);
  void begin_waiting();
  void begin(internal::FileOperation& operation);

  Loop& loop_;
  std::string why_;
  List<internal::FileOperation> waiting_;  // For a place in flight.
  List<internal::OpenFile> files_;         // Told when the engine ends.
  std::size_t in_flight_ = 0;
  std::size_t most_in_flight_;
  bool beginning_ = false;  // Guards begin_waiting against itself.
  bool closed_ = false;
};

}  // namespace tocsin
