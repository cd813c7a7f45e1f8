// SPDX-License-Identifier: MIT
#include "tocsin/source/page_faults.hpp"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace tocsin {
namespace {

// What ioctl_userfaultfd(2) has beyond the kernel headers of Debian 12 (those of Linux 6.1).
constexpr std::uint64_t feature_wp_unpopulated = 1U << 13U;  // Linux 6.4
constexpr std::uint64_t feature_poison = 1U << 14U;          // Linux 6.6
struct Poison {                                              // struct uffdio_poison
  uffdio_range range;
  std::uint64_t mode;
  std::int64_t updated;
};
constexpr unsigned long uffdio_poison = _IOWR(UFFDIO, 0x08, Poison);

// Everything that is used where it is there.
constexpr std::uint64_t optional_features =
    UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_EXACT_ADDRESS | feature_wp_unpopulated | feature_poison;

std::uint64_t needed_features(const PageRegionOptions& options) {
  std::uint64_t needed = 0;
  if (options.write_protect) needed |= UFFD_FEATURE_PAGEFAULT_FLAG_WP;
  if (options.minor) needed |= UFFD_FEATURE_MINOR_SHMEM;
  if (options.minor && options.missing) needed |= UFFD_FEATURE_MISSING_SHMEM;
  if (options.minor && options.write_protect) needed |= UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
  return needed;
}

std::uint64_t register_mode(const PageRegionOptions& options) {
  std::uint64_t mode = 0;
  if (options.missing) mode |= UFFDIO_REGISTER_MODE_MISSING;
  if (options.write_protect) mode |= UFFDIO_REGISTER_MODE_WP;
  if (options.minor) mode |= UFFDIO_REGISTER_MODE_MINOR;
  return mode;
}

// userfaultfd(2): whom vm.unprivileged_userfaultfd leaves out may still have the device.
Result<Fd> open_userfaultfd(Kernel& kernel, bool system_calls) {
  const int flags = O_CLOEXEC | O_NONBLOCK;
  auto made = own(kernel, kernel.userfaultfd(system_calls ? flags : flags | UFFD_USER_MODE_ONLY));
  if (made || made.error() != Errno::not_permitted) return made;
  const auto device =
      own(kernel, kernel.openat(AT_FDCWD, "/dev/userfaultfd", O_RDWR | O_CLOEXEC, 0));
  if (!device) return made;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the argument of this request is a number.
  return own(kernel, kernel.ioctl(device->get(), USERFAULTFD_IOC_NEW,
                                  reinterpret_cast<void*>(std::uintptr_t{O_CLOEXEC | O_NONBLOCK})));
}

// The kernel answers with what it has, and takes one choice for the life of the descriptor: so it
// is asked by one that is thrown away (userfaultfd(2), "Usage": the two-step handshake).
Result<std::uint64_t> features_of(Kernel& kernel, bool system_calls) {
  const auto asked = open_userfaultfd(kernel, system_calls);
  if (!asked) return std::unexpected(asked.error());
  uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
  const auto answer = kernel.ioctl(asked->get(), UFFDIO_API, &api);
  if (!answer) return std::unexpected(answer.error());
  return api.features;
}

}  // namespace

Result<PageRegion::Memory> PageRegion::map_memory(Kernel& kernel, std::size_t length,
                                                  bool with_backing) {
  Fd file;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (with_backing) {
    auto made = own(kernel, kernel.memfd_create("tocsin-pages", MFD_CLOEXEC));
    if (!made) return std::unexpected(made.error());
    file = std::move(*made);
    if (const auto sized = kernel.ftruncate(file.get(), length); !sized)
      return std::unexpected(sized.error());
    flags = MAP_SHARED;
  }
  const auto map_it = [&] {
    return kernel.mmap(length, PROT_READ | PROT_WRITE, flags, file.get());
  };
  const auto shown = map_it();
  if (!shown) return std::unexpected(shown.error());
  Mapping shown_memory(kernel, *shown, length);
  // The registration does not go along with fork(2): a child would read zeroes for pages.
  if (const auto kept = kernel.madvise(*shown, length, MADV_DONTFORK); !kept)
    return std::unexpected(kept.error());
  if (!with_backing) return Memory{.shown = std::move(shown_memory), .backing = {}};
  const auto backing = map_it();
  if (!backing) return std::unexpected(backing.error());
  return Memory{.shown = std::move(shown_memory), .backing = Mapping(kernel, *backing, length)};
}

Result<PageRegion> PageRegion::create(Loop& loop, std::size_t length,
                                      const PageRegionOptions& options,
                                      std::source_location where) {
  Kernel& kernel = loop.kernel();
  const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t whole = (length + page_size - 1) / page_size * page_size;
  if (whole == 0 || register_mode(options) == 0) return std::unexpected(Errno::invalid);

  const auto there = features_of(kernel, options.system_calls);
  if (!there) return std::unexpected(there.error());
  const std::uint64_t needed = needed_features(options);
  if ((*there & needed) != needed) return std::unexpected(Errno::unsupported);
  auto fd = open_userfaultfd(kernel, options.system_calls);
  if (!fd) return std::unexpected(fd.error());
  uffdio_api api{.api = UFFD_API, .features = needed | (*there & optional_features), .ioctls = 0};
  const std::uint64_t features = api.features;
  if (const auto agreed = kernel.ioctl(fd->get(), UFFDIO_API, &api); !agreed)
    return std::unexpected(agreed.error());

  auto memory = map_memory(kernel, whole, options.minor);
  if (!memory) return std::unexpected(memory.error());
  const auto start = reinterpret_cast<std::uintptr_t>(memory->shown.bytes().data());
  uffdio_register request{
      .range = {.start = start, .len = whole}, .mode = register_mode(options), .ioctls = 0};
  if (const auto done = kernel.ioctl(fd->get(), UFFDIO_REGISTER, &request); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "page region", where);
  if (!source) return std::unexpected(source.error());
  return PageRegion(std::move(*memory), std::move(*source), page_size, features);
}

// A thread that is woken tries again, and by then must not find a fresh page of zeroes: so the
// memory is closed first. To close the descriptor would wake everybody, but for the duplicates that
// a fork(2) may have made.
PageRegion::~PageRegion() {
  if (!source_) return;
  const auto all = memory();
  static_cast<void>(forbid(0, all.size()));
  uffdio_range whole = range(0, all.size());
  static_cast<void>(kernel().ioctl(fd(), UFFDIO_UNREGISTER, &whole));
}

uffdio_range PageRegion::range(std::size_t offset, std::size_t length) const {
  CHECK(offset % page_size_ == 0, "an offset is that of a page");
  CHECK(offset <= memory().size() && length <= memory().size() - offset,
        "the pages lie in the region");
  const std::size_t whole = (length + page_size_ - 1) / page_size_ * page_size_;
  return {.start = reinterpret_cast<std::uintptr_t>(memory().data()) + offset, .len = whole};
}

// One system call does as many pages as it can, and stops at one that is there already (EEXIST), or
// with some done because something else came in between (EAGAIN).
template <class Step>
Result<> PageRegion::for_pages(std::size_t offset, std::size_t length, Step step) {
  while (length > 0) {
    const uffdio_range left = range(offset, length);
    std::int64_t done = 0;
    const Result<int> answer = step(left, done);
    if (answer) return {};
    if (answer.error() == Errno{EEXIST}) {
      done = static_cast<std::int64_t>(page_size_);
      if (const auto woken = wake(offset, page_size_); !woken) return woken;
    } else if (answer.error() != Errno::again || done <= 0) {
      return std::unexpected(answer.error());
    }
    const auto passed = static_cast<std::size_t>(done);
    offset += passed;
    length -= passed < length ? passed : length;
  }
  return {};
}

Result<> PageRegion::copy(std::size_t offset, ByteView bytes, PageAccess access) {
  const std::size_t rest = bytes.size() % page_size_;
  const ByteView whole = bytes.first(bytes.size() - rest);
  const auto start = range(offset, bytes.size()).start;
  const std::uint64_t mode = access == PageAccess::write_protected ? UFFDIO_COPY_MODE_WP : 0;
  const auto copied = for_pages(offset, whole.size(), [&](uffdio_range to, std::int64_t& done) {
    const auto from = reinterpret_cast<std::uintptr_t>(whole.data()) + (to.start - start);
    uffdio_copy request{.dst = to.start, .src = from, .len = to.len, .mode = mode, .copy = 0};
    auto answer = kernel().ioctl(fd(), UFFDIO_COPY, &request);
    done = request.copy;
    return answer;
  });
  if (!copied || rest == 0) return copied;
  std::vector<std::byte> last(page_size_);
  std::ranges::copy(bytes.last(rest), last.begin());
  return copy(offset + whole.size(), last, access);
}

Result<> PageRegion::zero(std::size_t offset, std::size_t length) {
  return for_pages(offset, length, [&](uffdio_range pages, std::int64_t& done) {
    uffdio_zeropage request{.range = pages, .mode = 0, .zeropage = 0};
    auto answer = kernel().ioctl(fd(), UFFDIO_ZEROPAGE, &request);
    done = request.zeropage;
    return answer;
  });
}

Result<> PageRegion::map(std::size_t offset, std::size_t length) {
  return for_pages(offset, length, [&](uffdio_range pages, std::int64_t& done) {
    uffdio_continue request{.range = pages, .mode = 0, .mapped = 0};
    auto answer = kernel().ioctl(fd(), UFFDIO_CONTINUE, &request);
    done = request.mapped;
    return answer;
  });
}

Result<> PageRegion::poison(std::size_t offset, std::size_t length) {
  if ((features_ & feature_poison) == 0) return forbid(offset, length);
  return for_pages(offset, length, [&](uffdio_range pages, std::int64_t& done) {
    Poison request{.range = pages, .mode = 0, .updated = 0};
    auto answer = kernel().ioctl(fd(), uffdio_poison, &request);
    done = request.updated;
    return answer;
  });
}

Result<> PageRegion::forbid(std::size_t offset, std::size_t length) {
  const uffdio_range pages = range(offset, length);
  const auto closed = kernel().mprotect(memory().data() + offset, pages.len, PROT_NONE);
  if (!closed) return closed;
  return wake(offset, length);
}

Result<> PageRegion::set_protection(std::size_t offset, std::size_t length, std::uint64_t mode) {
  uffdio_writeprotect request{.range = range(offset, length), .mode = mode};
  const auto done = kernel().ioctl(fd(), UFFDIO_WRITEPROTECT, &request);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<> PageRegion::protect(std::size_t offset, std::size_t length) {
  return set_protection(offset, length, UFFDIO_WRITEPROTECT_MODE_WP);
}

Result<> PageRegion::allow_writes(std::size_t offset, std::size_t length) {
  return set_protection(offset, length, 0);
}

Result<> PageRegion::wake(std::size_t offset, std::size_t length) {
  uffdio_range pages = range(offset, length);
  const auto woken = kernel().ioctl(fd(), UFFDIO_WAKE, &pages);
  if (!woken) return std::unexpected(woken.error());
  return {};
}

Result<PageFault> NextPageFault::await_resume() const {
  const auto message = value();
  if (!message) return std::unexpected(message.error());
  CHECK(message->event == UFFD_EVENT_PAGEFAULT, "no other event was asked for");
  const auto& fault = message->arg.pagefault;
  const auto start = reinterpret_cast<std::uintptr_t>(start_);
  const std::size_t offset = fault.address - start;
  PageFault told{.write = (fault.flags & UFFD_PAGEFAULT_FLAG_WRITE) != 0,
                 .address = start_ + offset,
                 .page = offset - offset % page_size_,
                 .thread = static_cast<pid_t>(fault.feat.ptid)};
  if ((fault.flags & UFFD_PAGEFAULT_FLAG_WP) != 0) told.kind = PageFaultKind::write_protected;
  if ((fault.flags & UFFD_PAGEFAULT_FLAG_MINOR) != 0) told.kind = PageFaultKind::minor;
  return told;
}

}  // namespace tocsin
