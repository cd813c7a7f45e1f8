// SPDX-License-Identifier: MIT
//
// Files, directories and FIFOs by their names, and inotify(7), which tells of them.
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "tests/differential/names.hpp"
#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 6> paths{
    {{"A", 0}, {"B", 1}, {"D", 2}, {"D_A", 3}, {"D_B", 4}, {"HERE", 5}}};
constexpr std::array<std::int64_t, 6> path_pool{0, 1, 2, 3, 4, 5};
constexpr std::array<Name, 8> open_flags{{{"O_NONBLOCK", O_NONBLOCK},
                                          {"O_RDWR", O_RDWR},
                                          {"O_WRONLY", O_WRONLY},
                                          {"O_CREAT", O_CREAT},
                                          {"O_EXCL", O_EXCL},
                                          {"O_TRUNC", O_TRUNC},
                                          {"O_APPEND", O_APPEND},
                                          {"O_CLOEXEC", O_CLOEXEC}}};
constexpr std::array<std::int64_t, 6> open_pool{
    O_RDWR | O_CREAT,         O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_CREAT | O_TRUNC,
    O_RDWR | O_CREAT | O_EXCL};
constexpr std::array<std::int64_t, 4> kinds_of_node{S_IFIFO, S_IFIFO, S_IFREG, 0};
constexpr std::array<std::int64_t, 3> modes{0600, 0644, 0777};
constexpr std::array<std::int64_t, 3> removals{0, AT_REMOVEDIR, 1};
// RENAME_EXCHANGE is none of vkern's.
constexpr std::array<std::int64_t, 3> rename_flags{0, RENAME_NOREPLACE, 64};
constexpr std::array<std::int64_t, 5> places{0, 1, 5, 4096, 5000};
constexpr std::array<Name, 12> watch_bits{{{"IN_ACCESS", IN_ACCESS},
                                           {"IN_MODIFY", IN_MODIFY},
                                           {"IN_ATTRIB", IN_ATTRIB},
                                           {"IN_CLOSE_WRITE", IN_CLOSE_WRITE},
                                           {"IN_CLOSE_NOWRITE", IN_CLOSE_NOWRITE},
                                           {"IN_OPEN", IN_OPEN},
                                           {"IN_MOVE", IN_MOVE},
                                           {"IN_CREATE", IN_CREATE},
                                           {"IN_DELETE", IN_DELETE},
                                           {"IN_DELETE_SELF", IN_DELETE_SELF},
                                           {"IN_MOVE_SELF", IN_MOVE_SELF},
                                           {"IN_ONESHOT", std::int64_t{IN_ONESHOT}}}};
constexpr std::array<std::int64_t, 4> watch_pool{IN_ALL_EVENTS, IN_ALL_EVENTS,
                                                 IN_MODIFY | IN_CREATE, 0};
constexpr std::array<Name, 2> inotify_flags{
    {{"IN_NONBLOCK", IN_NONBLOCK}, {"IN_CLOEXEC", IN_CLOEXEC}}};
constexpr std::array<std::int64_t, 5> watches{1, 2, 3, 0, -1};

const char* path_of(std::int64_t which) {
  constexpr std::array names{"a", "b", "d", "d/a", "d/b", "."};
  return names[static_cast<std::size_t>(which) % names.size()];
}

void open_file(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().openat(AT_FDCWD, path_of(v[1]), without_path(v[2]), 0644));
}
constexpr auto open_file_c = R"(static void do_open_file(int *made, long long path,
                         long long flags) {
  *made = (int)result(openat(AT_FDCWD, path_of(path), (int)flags & ~O_PATH, 0644));
})";

void mkdir(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().mkdirat(AT_FDCWD, path_of(v[0]), 0755));
}
constexpr auto mkdir_c = R"(static void do_mkdir(long long path) {
  result(mkdirat(AT_FDCWD, path_of(path), 0755));
})";

void mknod(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().mknodat(AT_FDCWD, path_of(v[0]), static_cast<mode_t>(v[1]) | 0600));
}
constexpr auto mknod_c = R"(static void do_mknod(long long path, long long kind) {
  result(mknodat(AT_FDCWD, path_of(path), (mode_t)kind | 0600, 0));
})";

void unlink(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().unlinkat(AT_FDCWD, path_of(v[0]), static_cast<int>(v[1])));
}
constexpr auto unlink_c = R"(static void do_unlink(long long path, long long flags) {
  result(unlinkat(AT_FDCWD, path_of(path), (int)flags));
})";

void rename(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().renameat2(AT_FDCWD, path_of(v[0]), AT_FDCWD, path_of(v[1]),
                                      static_cast<unsigned>(v[2])));
}
constexpr auto rename_c = R"(static void do_rename(long long from, long long to,
                      long long flags) {
  result(renameat2(AT_FDCWD, path_of(from), AT_FDCWD, path_of(to), (unsigned)flags));
})";

void chmod(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().fchmodat(AT_FDCWD, path_of(v[0]), static_cast<mode_t>(v[1])));
}
constexpr auto chmod_c = R"(static void do_chmod(long long path, long long mode) {
  result(fchmodat(AT_FDCWD, path_of(path), (mode_t)mode, 0));
})";

void truncate(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().ftruncate(side.fd(v[0]), static_cast<std::uint64_t>(v[1])));
}
constexpr auto truncate_c = R"(static void do_truncate(int fd, long long length) {
  result(ftruncate(fd, length));
})";

void pread(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1]);
  answer.take(side.kernel().pread(side.fd(v[0]), room, static_cast<std::uint64_t>(v[2])));
  if (answer.ok()) answer.add_bytes(room.first(static_cast<std::size_t>(answer.result)));
}
constexpr auto pread_c = R"(static void do_pread(int fd, long long count, long long place) {
  long long got = result(pread(fd, room(), (size_t)count, place));
  if (got >= 0) bytes(room(), got);
})";

void pwrite(Side& side, const Values& v, Answer& answer) {
  answer.take(
      side.kernel().pwrite(side.fd(v[0]), pattern(v[1], 7), static_cast<std::uint64_t>(v[2])));
}
constexpr auto pwrite_c = R"(static void do_pwrite(int fd, long long count, long long place) {
  result(pwrite(fd, pattern(count, 7), (size_t)count, place));
})";

void inotify_init(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().inotify_init1(static_cast<int>(v[1])));
}
constexpr auto inotify_init_c = R"(static void do_inotify_init(int *made, long long flags) {
  *made = (int)result(inotify_init1((int)flags));
})";

void add_watch(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().inotify_add_watch(side.fd(v[0]), path_of(v[1]),
                                              static_cast<std::uint32_t>(v[2])));
}
constexpr auto add_watch_c = R"(static void do_add_watch(int fd, long long path, long long mask) {
  result(inotify_add_watch(fd, path_of(path), (unsigned)mask));
})";

void rm_watch(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().inotify_rm_watch(side.fd(v[0]), static_cast<int>(v[1])));
}
constexpr auto rm_watch_c = R"(static void do_rm_watch(int fd, long long watch) {
  result(inotify_rm_watch(fd, (int)watch));
})";

}  // namespace

std::vector<OpSpec> file_ops() {
  const Operand path = number(path_pool, paths);
  const Operand file = slot(a_file);
  const Operand length = number(places);
  return {
      {"open_file",
       Kind::file,
       14,
       {new_slot(a_file), path, bits(open_flags, O_NONBLOCK, open_pool)},
       open_file,
       open_file_c},
      {"mkdir", Kind::file, 3, {path}, mkdir, mkdir_c},
      {"mknod", Kind::file, 4, {path, number(kinds_of_node)}, mknod, mknod_c},
      {"unlink", Kind::file, 4, {path, number(removals)}, unlink, unlink_c},
      {"rename", Kind::file, 4, {path, path, number(rename_flags)}, rename, rename_c},
      {"chmod", Kind::file, 2, {path, number(modes)}, chmod, chmod_c},
      {"truncate", Kind::file, 2, {file, length}, truncate, truncate_c},
      {"pread", Kind::file, 2, {file, length, length}, pread, pread_c},
      {"pwrite", Kind::file, 2, {file, length, length}, pwrite, pwrite_c},
      {"inotify_init",
       Kind::file,
       3,
       {new_slot(an_inotify), bits(inotify_flags, IN_NONBLOCK)},
       inotify_init,
       inotify_init_c},
      {"add_watch",
       Kind::file,
       8,
       {slot(an_inotify), path, bits(watch_bits, 0, watch_pool)},
       add_watch,
       add_watch_c},
      {"rm_watch", Kind::file, 2, {slot(an_inotify), number(watches)}, rm_watch, rm_watch_c},
  };
}

}  // namespace tocsin::differential
