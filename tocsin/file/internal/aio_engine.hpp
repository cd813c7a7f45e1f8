// SPDX-License-Identifier: MIT
//
// AioEngine: the FileEngine that is the kernel's own asynchronous I/O (io_submit(2)), with threads
// for what that cannot do.
//
//     submit ── reads and writes of O_DIRECT files, fsync ──> io_submit ──> the kernel
//            └─ all the rest ──> ThreadPoolEngine
//     completions ──> eventfd (IOCB_FLAG_RESFD) ──> Loop ──> [ on_ready: harvest ] ──> awaiters
//
// AIO is asynchronous only past the page cache: io_submit of a read that goes through it waits for
// the disk, and would stop the loop. So which way a call goes is decided by how its file was
// opened. What io_submit refuses (fsync before Linux 4.18, say) a thread does, whose answer is the
// truth.
//
// An engine is made once and kept: to end one takes the kernel tens of milliseconds (io_destroy(2)
// waits for a grace period of RCU).
//
// It is there for machines where io_uring is forbidden and disks are fast: it needs no thread for a
// read. It cannot call anything off: io_cancel(2) knows no disk.
//
// Thread rule: the loop's thread.
#pragma once

#include <linux/aio_abi.h>

#include <memory>
#include <string_view>
#include <utility>

#include "tocsin/file/internal/thread_pool_engine.hpp"

namespace tocsin::internal {

class AioEngine final : public ThreadPoolEngine, private Source {
 public:
  /// Fails as io_setup(2): ENOSYS (a kernel without CONFIG_AIO), EAGAIN (/proc/sys/fs/aio-max-nr is
  /// used up); and as eventfd(2) and ThreadPool::create.
  static Result<std::unique_ptr<FileEngine>> create(Loop& loop, const FileEngineOptions& options);
  ~AioEngine() override;

  std::string_view name() const override { return "aio"; }

 private:
  AioEngine(Loop& loop, const FileEngineOptions& options, std::unique_ptr<ThreadPool> pool,
            aio_context_t context)
      : ThreadPoolEngine(loop, options, std::move(pool)), context_(context) {}

  Result<> submit(FileCall& call) override;
  void cancel(FileCall& call) override;
  void on_ready(Ready) override { harvest(0); }

  Result<> add_eventfd();
  bool submit_to_kernel(FileCall& call);
  void harvest(long least);

  aio_context_t context_;
  Fd eventfd_;  // Never read: every completion is an edge.
  Token token_{};
  List<FileCall> calls_;  // In the kernel. Owned.
};

}  // namespace tocsin::internal
