// SPDX-License-Identifier: MIT
//
// PageRegion: memory whose pages are made when somebody touches them (userfaultfd(2)).
//
//     a thread touches a page ──> it sleeps ──> [ PageRegion ] ──> co_await region.next()
//           └─ goes on <── copy, zero, allow_writes, map <── a file, a socket, a generator
//
// Whoever touches the memory is another thread: the loop's own would wait for itself. Nothing can
// tell it so, for the fault that would have to be read is behind it: a loop whose own coroutine
// reads from its region hangs for good. The same goes for a lock that a sleeping thread holds and
// the loop's thread wants.
//
// A thread that waits for a page cannot be cancelled, and has no errno. What nobody can make must
// be said with `poison`: SIGBUS in whoever touches it, EFAULT in a system call, instead of a wait
// for ever. When the region ends, whoever still waits in it, or touches it later, gets SIGSEGV.
// A child process made by fork(2) does not have the memory at all, and gets SIGSEGV, too.
//
// Ownership: it owns the memory, its descriptor and its registration. Thread rule: the loop's
// thread; the memory is for all the others.
#pragma once

#include <linux/userfaultfd.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <utility>

#include "tocsin/base/bytes.hpp"
#include "tocsin/source/read_value.hpp"

namespace tocsin {

/// Why a thread stopped, and with that what it waits for.
enum class PageFaultKind : std::uint8_t {
  missing,          // There is no page: `copy` or `zero` makes one.
  write_protected,  // It wrote to a page that was protected: `allow_writes`.
  minor,            // The page is in the backing, and this memory does not show it yet: `map`.
};

/// One thread that sleeps. Two that touch the same page are two of these, and one answer wakes
/// both: to answer the second one again is harmless.
struct PageFault {
  PageFaultKind kind = PageFaultKind::missing;
  bool write = false;            // Else it was reading.
  std::byte* address = nullptr;  // What it touched; before Linux 5.18 the start of the page.
  std::size_t page = 0;          // Where that page starts in the region, in bytes.
  pid_t thread = 0;              // gettid(2) of it.
};

/// See PageRegion::next.
class [[nodiscard]] NextPageFault final : public ReadValue<uffd_msg> {
 public:
  NextPageFault(FdSource& source, std::byte* start, std::size_t page_size)
      : ReadValue(source), start_(start), page_size_(page_size) {}
  NextPageFault(NextPageFault&&) = default;

  Result<PageFault> await_resume() const;

 private:
  std::byte* start_;
  std::size_t page_size_;
};

/// Which faults are told. What is not asked for is the kernel's to serve, as in any memory.
struct PageRegionOptions {
  bool missing = true;
  /// Since Linux 5.7. From 6.4 on also of pages that were never there; before, only `copy` can make
  /// a protected page, and `protect` acts on what is there.
  bool write_protect = false;
  /// Since Linux 5.14. The memory is that of a file in memory (memfd_create(2)), and `backing`
  /// another view of it, in which pages are filled before they are shown.
  bool minor = false;
  /// Serve faults in system calls, too: a read(2) into the memory, a write(2) from it. It takes
  /// CAP_SYS_PTRACE, vm.unprivileged_userfaultfd = 1, or permission to open /dev/userfaultfd
  /// (Linux 6.1). Without it such a system call fails with EFAULT, and no privilege is needed.
  bool system_calls = false;
};

/// Whether a page may be written to at once, or the first write is told (PageRegionOptions).
enum class PageAccess : bool { writable, write_protected };

class PageRegion {
 public:
  /// `length` bytes of memory, rounded up to whole pages. Fails with EPERM where `system_calls` is
  /// not allowed, ENOSYS in a kernel without userfaultfd, EOPNOTSUPP in one that has not the
  /// kind of faults asked for, EINVAL for no kind or no bytes, and as mmap(2): ENOMEM, EMFILE.
  static Result<PageRegion> create(Loop& loop, std::size_t length,
                                   const PageRegionOptions& options = {},
                                   std::source_location where = std::source_location::current());

  PageRegion(PageRegion&&) noexcept = default;
  PageRegion& operator=(PageRegion&&) = delete;
  /// SIGSEGV for those who wait in it; EFAULT for a system call. See the head of this file.
  ~PageRegion();

  /// The memory, for other threads.
  std::span<std::byte> memory() const { return memory_.bytes(); }
  /// The other view of a `minor` region, for the loop's thread; empty if it is none.
  std::span<std::byte> backing() const { return backing_.bytes(); }
  std::size_t page_size() const { return page_size_; }

  /// Waits for the next fault. Fails with ECANCELED only, and no fault is lost then. A fault that
  /// was read and never answered leaves its thread asleep: `wake` has it told again. One at a time.
  NextPageFault next() { return {*source_, memory().data(), page_size_}; }

  // ---- answers: all wake whoever waits for the pages, and leave alone what is there already -----
  // `offset` is that of a page in the region (PageFault::page). All fail as ioctl_userfaultfd(2):
  // ENOMEM, ESRCH; what was done until then stands.

  /// Makes pages with these bytes, at any number of pages at once. What `bytes` lack to whole pages
  /// is zero, as at the end of a file that is mapped.
  Result<> copy(std::size_t offset, ByteView bytes, PageAccess access = PageAccess::writable);
  /// Makes pages of zeroes.
  Result<> zero(std::size_t offset, std::size_t length);
  /// Has the next write to these pages told. Wakes nobody.
  Result<> protect(std::size_t offset, std::size_t length);
  Result<> allow_writes(std::size_t offset, std::size_t length);
  /// Shows pages of the backing. EFAULT for one that nobody has written there.
  Result<> map(std::size_t offset, std::size_t length);
  /// Nobody can make these pages: whoever touches them gets SIGBUS, and a system call EFAULT.
  /// Before Linux 6.6 it is SIGSEGV, from pages that were there already, too.
  Result<> poison(std::size_t offset, std::size_t length);
  /// Makes nothing: whoever waits for the pages tries again, and is told again.
  Result<> wake(std::size_t offset, std::size_t length);

  /// The descriptor, for what is not offered here. It stays the region's.
  int fd() const { return source_->fd(); }

 private:
  /// Memory that is unmapped at the end.
  class Mapping {
   public:
    Mapping() = default;
    Mapping(Kernel& kernel, void* start, std::size_t length)
        : kernel_(&kernel), bytes_(static_cast<std::byte*>(start), length) {}
    Mapping(Mapping&& other) noexcept
        : kernel_(other.kernel_), bytes_(std::exchange(other.bytes_, {})) {}
    Mapping& operator=(Mapping&&) = delete;
    ~Mapping() {
      if (!bytes_.empty()) static_cast<void>(kernel_->munmap(bytes_.data(), bytes_.size()));
    }
    std::span<std::byte> bytes() const { return bytes_; }

   private:
    Kernel* kernel_ = nullptr;
    std::span<std::byte> bytes_;
  };
  struct Memory {
    Mapping shown;
    Mapping backing;
  };

  PageRegion(Memory memory, std::unique_ptr<FdSource> source, std::size_t page_size,
             std::uint64_t features)
      : memory_(std::move(memory.shown)),
        backing_(std::move(memory.backing)),
        source_(std::move(source)),
        page_size_(page_size),
        features_(features) {}

  static Result<Memory> map_memory(Kernel& kernel, std::size_t length, bool with_backing);

  Kernel& kernel() { return source_->kernel(); }
  uffdio_range range(std::size_t offset, std::size_t length) const;
  template <class Step>
  Result<> for_pages(std::size_t offset, std::size_t length, Step step);
  Result<> set_protection(std::size_t offset, std::size_t length, std::uint64_t mode);
  Result<> forbid(std::size_t offset, std::size_t length);

  Mapping memory_;  // Ends after the descriptor: nobody may get the addresses before.
  Mapping backing_;
  std::unique_ptr<FdSource> source_;  // Null once moved from.
  std::size_t page_size_;
  std::uint64_t features_;  // UFFD_FEATURE_*: what is in force.
};

}  // namespace tocsin
