// SPDX-License-Identifier: MIT
#include "tocsin/file/file_watch.hpp"

#include <fcntl.h>

#include <array>
#include <optional>
#include <vector>

#include "tocsin/file/internal/fanotify_notifier.hpp"
#include "tocsin/file/internal/inotify_notifier.hpp"
#include "tocsin/file/internal/rename_pairing.hpp"
#include "tocsin/file/internal/watched_tree.hpp"

namespace tocsin {
namespace {

using internal::FanotifyNotifier;
using internal::InotifyNotifier;
using internal::Notifier;

std::unique_ptr<Notifier> make_notifier(WatchBackend backend, Kernel& kernel, int fd) {
  if (backend == WatchBackend::fanotify) return std::make_unique<FanotifyNotifier>(kernel, fd);
  return std::make_unique<InotifyNotifier>(kernel, fd);
}

/// What to watch for a path: a directory, or one name in it.
struct Target {
  std::string directory;  // Empty: the working directory.
  std::string name;       // Empty: everything in it.
};

Result<Target> target_of(Kernel& kernel, const std::string& path) {
  const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const auto fd = own(kernel, kernel.openat(AT_FDCWD, path.c_str(), flags, 0));
  if (fd) return Target{.directory = path, .name = {}};
  if (fd.error() != Errno{ENOTDIR} && fd.error() != Errno{ENOENT})
    return std::unexpected(fd.error());
  const std::size_t slash = path.rfind('/');
  if (slash + 1 == path.size()) return std::unexpected(fd.error());  // "a/", or nothing at all.
  if (slash == path.npos) return Target{.directory = "", .name = path};
  return Target{.directory = path.substr(0, slash == 0 ? 1 : slash),
                .name = path.substr(slash + 1)};
}

}  // namespace

std::string_view limit_behind(WatchBackend backend, Errno error) {
  const bool is_fanotify = backend == WatchBackend::fanotify;
  if (error == Errno{ENOSPC})
    return is_fanotify ? "fs.fanotify.max_user_marks" : "fs.inotify.max_user_watches";
  if (error == Errno{EMFILE})
    return is_fanotify ? "fs.fanotify.max_user_groups" : "fs.inotify.max_user_instances";
  return {};
}

// ---- what is behind a watch ---------------------------------------------------------------------

class FileWatch::State {
 public:
  State(std::unique_ptr<FdSource> source, WatchBackend backend, Target target,
        const FileWatchOptions& options)
      : backend_(backend),
        source_(std::move(source)),
        notifier_(make_notifier(backend, source_->kernel(), source_->fd())),
        pairing_(options.rename_hold),
        tree_(source_->kernel(), *notifier_, std::move(target.directory),
              options.recursive && target.name.empty(), std::move(target.name)) {}

  Result<> begin() { return tree_.begin(); }
  FdSource& source() { return *source_; }
  WatchBackend backend() const { return backend_; }

  /// The next change, or what next() fails with; EAGAIN: none yet.
  Result<Change> take();

 private:
  struct HoldEnds final : Alarm {
    explicit HoldEnds(State& owner) : state(owner) {}
    void run() override { state.source_->try_again(Direction::read); }
    State& state;
  };

  Result<> read();
  void digest();
  void wait();

  const WatchBackend backend_;
  std::unique_ptr<FdSource> source_;
  std::unique_ptr<Notifier> notifier_;
  internal::RenamePairing pairing_;
  internal::WatchedTree tree_;
  std::vector<internal::FileEvent> events_;  // Just read; empty in between.
  HoldEnds hold_ends_{*this};
};

Result<Change> FileWatch::State::take() {
  while (tree_.changes().empty()) {
    if (tree_.has_ended()) return std::unexpected(Errno{ENOENT});
    if (!source_->may_spend()) return std::unexpected(Errno::again);
    const auto done = read();
    digest();
    if (done) continue;
    if (done.error() != Errno::again) return std::unexpected(done.error());
    if (!tree_.changes().empty()) break;
    wait();
    return std::unexpected(Errno::again);
  }
  source_->spend(0);
  Change change = std::move(tree_.changes().front());
  tree_.changes().pop_front();
  return change;
}

Result<> FileWatch::State::read() {
  alignas(8) std::array<std::byte, 16384> room;  // More than any one event.
  const auto count = source_->kernel().read(source_->fd(), room);
  if (!count) return std::unexpected(count.error());
  source_->spend(*count);
  notifier_->parse(ByteView(room).first(*count), events_);
  return {};
}

void FileWatch::State::digest() {
  const TimePoint now = source_->loop().now();
  for (internal::FileEvent& event : events_) pairing_.push(std::move(event), now);
  events_.clear();
  while (auto event = pairing_.pop(now)) tree_.apply(*event);
  if (pairing_.empty()) tree_.look();
}

// There is nothing to read; but time may bring something, too.
void FileWatch::State::wait() {
  source_->blocked(Direction::read);
  if (!pairing_.empty()) source_->loop().arm(hold_ends_, pairing_.held_until());
}

// ---- FileWatch ----------------------------------------------------------------------------------

FileWatch::FileWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileWatch::FileWatch(FileWatch&& other) noexcept = default;
FileWatch& FileWatch::operator=(FileWatch&& other) noexcept = default;
FileWatch::~FileWatch() = default;

Result<FileWatch> FileWatch::create(Loop& loop, const std::string& path,
                                    const FileWatchOptions& options, std::source_location where) {
  FileWatchOptions tried = options;
  if (options.backend == WatchBackend::automatic) tried.backend = WatchBackend::inotify;
  auto state = begin(loop, path, tried, where);
  if (!state && options.backend == WatchBackend::automatic && state.error() == Errno{ENOSPC}) {
    tried.backend = WatchBackend::fanotify;
    auto other = begin(loop, path, tried, where);
    if (other) state = std::move(other);
  }
  if (!state) return std::unexpected(state.error());
  return FileWatch(std::move(*state));
}

Result<std::unique_ptr<FileWatch::State>> FileWatch::begin(Loop& loop, const std::string& path,
                                                           const FileWatchOptions& options,
                                                           std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto target = target_of(kernel, path);
  if (!target) return std::unexpected(target.error());
  const bool is_fanotify = options.backend == WatchBackend::fanotify;
  auto fd =
      own(kernel, is_fanotify ? FanotifyNotifier::open(kernel) : InotifyNotifier::open(kernel));
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), is_fanotify ? "fanotify" : "inotify", where);
  if (!source) return std::unexpected(source.error());
  auto state =
      std::make_unique<State>(std::move(*source), options.backend, std::move(*target), options);
  if (auto done = state->begin(); !done) return std::unexpected(done.error());
  return state;
}

NextChange FileWatch::next() { return NextChange(*this); }

WatchBackend FileWatch::backend() const { return state_->backend(); }

// ---- NextChange ---------------------------------------------------------------------------------

NextChange::NextChange(FileWatch& watch)
    : FallibleOperation(watch.state_->source()), state_(watch.state_.get()) {}

bool NextChange::attempt() {
  auto next = state_->take();
  if (next) {
    change_ = std::move(*next);
    return true;
  }
  if (next.error() == Errno::again) return false;
  fail(next.error());
  return true;
}

}  // namespace tocsin
