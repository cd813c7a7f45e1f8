// SPDX-License-Identifier: MIT
//
// PidFd: a process, as something to wait for and to send signals to (pidfd_open(2)).
//
//     Process::exit ──> zombie: EPOLLIN ──> waitid by its parent ──> gone: EPOLLIN and EPOLLHUP
//
// Two edges: the end tells EPOLLIN | EPOLLRDNORM, being waited for tells "look yourself". All
// pidfds of one process wait in one queue, the process'. A zombie whose parent ends tells once
// more, because its new parent is told as the first was.
//
// Ownership and thread rule: as Object; its lock is System::process_lock. Processes are the
// System's, and stay in memory after their end.
#pragma once

#include <string>

#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

template <class P>
class PidFd final : public Object<P> {
 public:
  explicit PidFd(Process<P>& of);
  ~PidFd() override = default;

  /// Whom it stands for, whether that is alive or not.
  Process<P>& process() const { return process_; }

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  bool can_read() const override { return false; }
  bool can_write() const override { return false; }
  bool has_places() const override { return true; }
  std::string fdinfo() const override;

 private:
  Process<P>& process_;
};

}  // namespace tocsin::vkern
