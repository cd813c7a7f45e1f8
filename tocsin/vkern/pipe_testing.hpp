// SPDX-License-Identifier: MIT
//
// PipeSubject: a kernel with a FIFO in it, whichever kernel that is.
//
//     one test ──> [ PipeSubject ] ──> the running Linux, vkern single, vkern threads
//
// Ownership: it owns its kernel, if that can be owned, and the FIFO. Close every descriptor first.
// Thread rule: as the kernel's.
#pragma once

#include <stdlib.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tocsin/base/check.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/pipe.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

class PipeSubject {
 public:
  virtual ~PipeSubject() = default;
  virtual Kernel& kernel() = 0;
  /// A descriptor for the FIFO, opened with open(2)'s `flags`.
  virtual Result<int> open_fifo(int flags) = 0;
};

class LinuxPipeSubject final : public PipeSubject {
 public:
  LinuxPipeSubject() {
    std::string folder = testing::TempDir() + "tocsin-pipe-XXXXXX";
    CHECK(::mkdtemp(folder.data()) != nullptr, "no folder for a FIFO");
    folder_ = folder;
    path_ = folder + "/fifo";
    CHECK(kernel().mknodat(AT_FDCWD, path_.c_str(), S_IFIFO | 0600).has_value(), "no FIFO");
  }
  ~LinuxPipeSubject() override {
    static_cast<void>(kernel().unlinkat(AT_FDCWD, path_.c_str(), 0));
    static_cast<void>(kernel().unlinkat(AT_FDCWD, folder_.c_str(), AT_REMOVEDIR));
  }
  Kernel& kernel() override { return LinuxKernel::shared(); }
  Result<int> open_fifo(int flags) override {
    return kernel().openat(AT_FDCWD, path_.c_str(), flags, 0);
  }

 private:
  std::string folder_;
  std::string path_;
};

template <class P>
class VirtualPipeSubject final : public PipeSubject {
 public:
  explicit VirtualPipeSubject(const SystemOptions& options = {}) : system_(options) {}
  Kernel& kernel() override { return system_.init(); }
  Result<int> open_fifo(int flags) override {
    auto open = Pipe<P>::open_fifo(system_.init(), fifo_, flags);
    if (!open) return std::unexpected(open.error());
    return system_.init().install(std::move(*open), false);
  }

 private:
  System<P> system_;
  Ref<Pipe<P>> fifo_ = make_ref<Pipe<P>>(system_);
};

inline std::unique_ptr<PipeSubject> make_pipe_subject(std::string_view name) {
  if (name == "linux") return std::make_unique<LinuxPipeSubject>();
  if (name == "single") return std::make_unique<VirtualPipeSubject<Single>>();
  return std::make_unique<VirtualPipeSubject<Threads>>();
}

}  // namespace tocsin::vkern
