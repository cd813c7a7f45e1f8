// SPDX-License-Identifier: MIT
#include "tocsin/vkern/file_object.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include <mutex>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected bad_descriptor{Errno{EBADF}};
constexpr std::unexpected no_offsets{Errno{ESPIPE}};
constexpr std::unexpected is_directory{Errno{EISDIR}};

}  // namespace

template <class P>
FileObject<P>::FileObject(FileSystem<P>& files, FileNode<P>& node, typename P::Lock& lock)
    : Object<P>(lock), files_(files), node_(node) {
  files_.pin(node);
  if (!node.is_fifo()) this->set_cannot_poll();
}

template <class P>
Mask FileObject<P>::poll(Description<P>&, PollTable*, Mask) {
  return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
}

template <class P>
void FileObject<P>::released(Description<P>& description) {
  const std::lock_guard lock(files_.lock());
  if ((description.flags() & O_PATH) == 0)
    files_.tell(*node_, description.may_write() ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE, true);
  files_.unpin(*node_);
}

template <class P>
Count FileObject<P>::read_at(MutableBytes, std::uint64_t) {
  return no_offsets;
}

template <class P>
Count FileObject<P>::write_at(Description<P>&, ByteView, std::uint64_t) {
  return no_offsets;
}

template <class P>
void FileObject<P>::was_read() {
  const std::lock_guard lock(files_.lock());
  node_->accessed = files_.now();
  files_.tell(*node_, IN_ACCESS, true);
}

// ---- directories --------------------------------------------------------------------------------

template <class P>
Count Directory<P>::read(Process<P>&, Description<P>&, MutableBytes) {
  return is_directory;
}

template <class P>
Count Directory<P>::read_at(MutableBytes, std::uint64_t) {
  return is_directory;
}

template <class P>
Mask PathHandle<P>::poll(Description<P>&, PollTable*, Mask) {
  return POLLNVAL;
}

template <class P>
Count PathHandle<P>::read(Process<P>&, Description<P>&, MutableBytes) {
  return bad_descriptor;
}

template <class P>
Count PathHandle<P>::write(Process<P>&, Description<P>&, ByteView) {
  return bad_descriptor;
}

template <class P>
Result<int> PathHandle<P>::ioctl(Process<P>&, Description<P>&, unsigned long, void*) {
  return bad_descriptor;
}

template <class P>
Count PathHandle<P>::read_at(MutableBytes, std::uint64_t) {
  return bad_descriptor;
}

template <class P>
Count PathHandle<P>::write_at(Description<P>&, ByteView, std::uint64_t) {
  return bad_descriptor;
}

// ---- FIFOs --------------------------------------------------------------------------------------

template <class P>
NamedPipe<P>::NamedPipe(FileSystem<P>& files, FileNode<P>& node, Open<P> pipe)
    : FileObject<P>(files, node, pipe->object().lock()),
      pipe_object_(pipe->object()),
      pipe_(std::move(pipe)) {}

template <class P>
Count NamedPipe<P>::told(Count count, std::uint32_t event) {
  if (count.value_or(0) == 0) return count;
  const std::lock_guard lock(this->files().lock());
  this->files().tell(this->node(), event, true);
  return count;
}

template <class P>
Mask NamedPipe<P>::poll(Description<P>&, PollTable* table, Mask requested) {
  return pipe_->poll(table, requested);
}

template <class P>
Count NamedPipe<P>::read(Process<P>& process, Description<P>&, MutableBytes into) {
  return told(pipe_object_->read(process, *pipe_, into), IN_ACCESS);
}

template <class P>
Count NamedPipe<P>::write(Process<P>& process, Description<P>&, ByteView bytes) {
  return told(pipe_object_->write(process, *pipe_, bytes), IN_MODIFY);
}

template <class P>
Result<int> NamedPipe<P>::ioctl(Process<P>& process, Description<P>&, unsigned long request,
                                void* argument) {
  return pipe_object_->ioctl(process, *pipe_, request, argument);
}

template <class P>
Result<int> NamedPipe<P>::fcntl(Description<P>&, int command, int argument) {
  return pipe_object_->fcntl(*pipe_, command, argument);
}

template <class P>
Result<> NamedPipe<P>::flags_change(Description<P>&, int flags) {
  if (auto done = pipe_object_->flags_change(*pipe_, flags); !done) return done;
  pipe_->set_flags(flags);
  return {};
}

// The pipe ends after it was told that it is closed, as __fput has it: but for O_PATH, which never
// opened it.
template <class P>
void NamedPipe<P>::released(Description<P>& description) {
  FileObject<P>::released(description);
  pipe_ = {};
}

template class FileObject<Single>;
template class FileObject<Threads>;
template class Directory<Single>;
template class Directory<Threads>;
template class PathHandle<Single>;
template class PathHandle<Threads>;
template class NamedPipe<Single>;
template class NamedPipe<Threads>;

}  // namespace tocsin::vkern
