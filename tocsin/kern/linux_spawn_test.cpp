// SPDX-License-Identifier: MIT
//
// pidfd_spawn, and what the program finds that it has started. Most programs here are shell
// scripts whose exit status is the answer.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/bytes.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {
namespace {

LinuxKernel& kernel() { return LinuxKernel::shared(); }

// A request, with what it refers to.
struct Program {
  explicit Program(std::vector<std::string> words) : arguments(std::move(words)) {}

  Result<Spawned> spawn() {
    pointers.reserve(arguments.size() + 1);
    for (std::string& word : arguments) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    request.program = pointers[0];
    request.arguments = pointers.data();
    request.descriptors = descriptors;
    return kernel().pidfd_spawn(request);
  }
  /// Runs it to its end; what waitid(2) says.
  siginfo_t run() {
    const auto made = spawn();
    EXPECT_TRUE(made) << (made ? "" : made.error().name());
    siginfo_t ended{};
    if (!made) return ended;
    const Fd pidfd(kernel(), made->pidfd);
    EXPECT_TRUE(kernel().waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), ended, WEXITED));
    EXPECT_EQ(ended.si_pid, made->pid);
    return ended;
  }

  std::vector<std::string> arguments;
  std::vector<char*> pointers;
  std::vector<SpawnRequest::Placed> descriptors{{0, 0}, {1, 1}, {2, 2}};
  SpawnRequest request;
};

Program script(const std::string& text) { return Program({"sh", "-c", text}); }

// Runs it with a pipe as its standard output, and gives what it wrote.
std::string output_of(Program program) {
  const auto ends = kernel().pipe2(O_CLOEXEC).value();
  const Fd read_end(kernel(), ends[0]);
  Fd write_end(kernel(), ends[1]);
  program.descriptors = {{0, 0}, {ends[1], 1}, {2, 2}};
  EXPECT_EQ(program.run().si_status, 0);
  write_end.reset();
  std::string all;
  std::array<std::byte, 4096> room;
  for (Count count = 0; (count = kernel().read(read_end.get(), room)).value() > 0;)
    all += as_text(ByteView(room).first(*count));
  return all;
}

TEST(LinuxSpawn, AnExitStatusAndASignalAreToldApart) {
  siginfo_t ended = script("exit 7").run();
  EXPECT_EQ(ended.si_code, CLD_EXITED);
  EXPECT_EQ(ended.si_status, 7);
  ended = script("kill -TERM $$").run();
  EXPECT_EQ(ended.si_code, CLD_KILLED);
  EXPECT_EQ(ended.si_status, SIGTERM);
}

TEST(LinuxSpawn, AProgramThatCannotRunIsTheErrorOfExecve) {
  const Folder folder;
  folder.write("text", "no program");
  folder.make_folder("bin");
  EXPECT_EQ(Program({"/no/such/program"}).spawn().error(), Errno{ENOENT});
  std::array<char*, 2> environment{const_cast<char*>("PATH=/bin:/usr/bin"), nullptr};
  Program unknown({"tocsin-has-no-such-program"});
  unknown.request.environment = environment.data();
  EXPECT_EQ(unknown.spawn().error(), Errno{ENOENT});
  EXPECT_EQ(Program({""}).spawn().error(), Errno{ENOENT});
  EXPECT_EQ(Program({folder.at("text")}).spawn().error(), Errno{EACCES});
  ASSERT_TRUE(kernel().fchmodat(AT_FDCWD, folder.at("text").c_str(), 0755));
  EXPECT_EQ(Program({folder.at("text")}).spawn().error(), Errno{ENOEXEC});
  Program elsewhere({"true"});
  elsewhere.request.directory = "/no/such/directory";
  EXPECT_EQ(elsewhere.spawn().error(), Errno{ENOENT});
  Program closed({"true"});
  closed.descriptors = {{1'000'000, 0}};
  EXPECT_EQ(closed.spawn().error(), Errno{EBADF});
  siginfo_t nobody{};
  EXPECT_EQ(kernel().waitid(P_ALL, 0, nobody, WEXITED | WNOHANG).error(), Errno{ECHILD})
      << "a process was left";
}

TEST(LinuxSpawn, TheProgramIsLookedForInThePathOfItsEnvironment) {
  const Folder folder;
  folder.make_folder("denied");
  folder.make_folder("bin");
  folder.write("denied/tool", "#!/bin/sh\nexit 1\n");
  folder.write("bin/tool", "#!/bin/sh\nexit 5\n");
  ASSERT_TRUE(kernel().fchmodat(AT_FDCWD, folder.at("bin/tool").c_str(), 0755));
  std::string path = "PATH=/no/such/folder:" + folder.at("denied") + ":" + folder.at("bin");
  std::array<char*, 2> environment{path.data(), nullptr};
  Program tool({"tool"});
  tool.request.environment = environment.data();
  EXPECT_EQ(tool.run().si_status, 5);
  path = "PATH=" + folder.at("denied") + ":/no/such/folder";
  environment[0] = path.data();
  Program denied({"tool"});
  denied.request.environment = environment.data();
  EXPECT_EQ(denied.spawn().error(), Errno{EACCES});
}

TEST(LinuxSpawn, TheEnvironmentIsTheOneThatWasGiven) {
  std::array<char*, 2> environment{const_cast<char*>("A=b c"), nullptr};
  Program program({"/usr/bin/env"});
  program.request.environment = environment.data();
  EXPECT_EQ(output_of(program), "A=b c\n");
}

TEST(LinuxSpawn, TheDirectoryIsTheOneThatWasGiven) {
  const Folder folder;
  Program program({"pwd"});
  program.request.directory = folder.path().c_str();
  EXPECT_EQ(output_of(program), folder.path() + "\n");
}

// "exactly": this process holds a descriptor without close-on-exec, as careless libraries do.
TEST(LinuxSpawn, AChildHasExactlyTheDescriptorsItWasGiven) {
  const Fd careless(kernel(), kernel().openat(AT_FDCWD, "/dev/null", O_RDONLY, 0).value());
  const Fd higher(kernel(), kernel().fcntl(careless.get(), F_DUPFD, 60).value());
  const auto ends = kernel().pipe2(O_CLOEXEC).value();
  const Fd read_end(kernel(), ends[0]);
  Fd write_end(kernel(), ends[1]);
  Program list = script("cd /proc/self/fd && echo *");
  list.descriptors = {{ends[1], 1}, {careless.get(), 40}};
  EXPECT_EQ(list.run().si_status, 0);
  write_end.reset();
  std::array<std::byte, 256> room;
  const Count count = kernel().read(read_end.get(), room);
  // The first is the shell's own, of the folder that it lists.
  EXPECT_EQ(as_text(ByteView(room).first(count.value())), "0 1 40\n");
}

TEST(LinuxSpawn, DescriptorsThatChangePlacesAreNotMixedUp) {
  const Folder folder;
  folder.write("a", "a");
  folder.write("b", "b");
  Fd a(kernel(),
       kernel().openat(AT_FDCWD, folder.at("a").c_str(), O_RDONLY | O_CLOEXEC, 0).value());
  Fd b(kernel(),
       kernel().openat(AT_FDCWD, folder.at("b").c_str(), O_RDONLY | O_CLOEXEC, 0).value());
  Program program = script("test $(cat <&" + std::to_string(a.get()) + ") = b && test $(cat <&" +
                           std::to_string(b.get()) + ") = a");
  program.descriptors = {{1, 1}, {2, 2}, {a.get(), b.get()}, {b.get(), a.get()}};
  EXPECT_EQ(program.run().si_status, 0);
}

TEST(LinuxSpawn, NoSignalIsBlockedOrIgnoredInTheChild) {
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before{};
  ASSERT_EQ(::sigaction(SIGTERM, &ignore, &before), 0);
  sigset_t all;
  sigset_t mask;
  ::sigfillset(&all);
  ASSERT_TRUE(kernel().pthread_sigmask(SIG_BLOCK, &all, &mask));
  const std::string said = output_of(Program({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
  sigset_t during;
  ASSERT_TRUE(kernel().pthread_sigmask(SIG_SETMASK, &mask, &during));
  ASSERT_EQ(::sigaction(SIGTERM, &before, nullptr), 0);
  EXPECT_EQ(said, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  EXPECT_EQ(::sigismember(&during, SIGUSR1), 1) << "this thread's mask is as it was";
}

TEST(LinuxSpawn, AGroupOrASessionOfItsOwn) {
  const std::string ids = "set -- $(cat /proc/$$/stat); test $5 = $$";
  EXPECT_EQ(script(ids).run().si_status, 1);
  Program group = script(ids);
  group.request.group = SpawnRequest::Group::own;
  EXPECT_EQ(group.run().si_status, 0);
  Program session = script(ids + " && test $6 = $$");
  session.request.group = SpawnRequest::Group::session;
  EXPECT_EQ(session.run().si_status, 0);
}

TEST(LinuxSpawn, ManyChildrenLeaveNothingBehind) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Program({"true"}).run().si_status, 0);
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace tocsin
