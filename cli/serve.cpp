// SPDX-License-Identifier: MIT
#include "cli/serve.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <fmt/format.h>

#include "cli/program.hpp"
#include "cli/worker.hpp"
#include "tocsin/net/shared_listener.hpp"
#include "tocsin/source/signals.hpp"
#include "tocsin/source/standard_descriptors.hpp"

namespace tocsin::cli {
namespace {

constexpr const char* footer = R"(Examples:
  tocsin serve                            this folder, for this machine only
  tocsin serve public -l :8080            for everyone who reaches this machine
  tocsin serve -l 127.0.0.1:0             at a free port; the line it prints says which
  tocsin serve -l :8080 -l '[::1]:8081'   at several addresses
  tocsin serve --workers 0                with one thread a core
  tocsin serve -w 4 --accept exclusive    and each connection to one that is free

It answers GET and HEAD with files and index.html. Names that begin with a dot and
symbolic links are not served. SIGTERM or Ctrl-C lets what is being sent end; a second
one does not. Exit status: 0 after a signal, 2 if it could not start, 1 if it broke.
)";

constexpr std::array sharings{Sharing::reuse_port, Sharing::exclusive, Sharing::hand_over};

std::vector<std::string> names_of_sharings() {
  std::vector<std::string> names;
  names.reserve(sharings.size());
  for (const Sharing one : sharings) names.emplace_back(name_of(one));
  return names;
}

// The command line has been checked to hold one of them.
Sharing sharing_of(const std::string& name) {
  for (const Sharing one : sharings)
    if (name_of(one) == name) return one;
  return Sharing::reuse_port;
}

// What keeps it from starting, as a sentence; empty if nothing does.
using Complaint = std::string;

http::ServerOptions options_of(const ServeArguments& arguments) {
  const auto seconds = [](double count) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(count));
  };
  http::ServerOptions options;
  options.header_time = seconds(arguments.header_timeout);
  options.idle_time = seconds(arguments.idle_timeout);
  options.grace = seconds(arguments.grace);
  options.limits.head_bytes = arguments.max_header;
  return options;
}

Complaint why_no_folder(const std::string& folder, Errno error) {
  if (error == Errno{ENOTDIR})
    return fmt::format("{} is not a folder; give one: tocsin serve DIR", folder);
  if (error == Errno{ENOENT})
    return fmt::format("there is no folder {}; give one: tocsin serve DIR", folder);
  if (error == Errno{ENOSYS})
    return "this kernel has no openat2(2), which keeps requests inside the folder; Linux 5.6 has";
  return fmt::format("cannot open {}: {}; give another: tocsin serve DIR", folder, error.message());
}

Complaint why_not_listening(const std::string& where, Errno error) {
  if (error == Errno{EADDRINUSE})
    return fmt::format("{} is in use; choose another port: --listen 127.0.0.1:0 takes a free one",
                       where);
  if (error == Errno{EACCES})
    return fmt::format("{} is for privileged users; choose a port above 1023 with --listen", where);
  if (error == Errno{EADDRNOTAVAIL})
    return fmt::format("{} is no address of this machine; choose one with --listen", where);
  return fmt::format("cannot listen at {}: {}; choose another with --listen", where,
                     error.message());
}

// Every connection is a descriptor, and the usual soft limit (1,024) is there for select(2), which
// is not used here.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));  // Else fewer connections fit.
}

class Server {
 public:
  Server(const ServeArguments& arguments, Loop& loop) : arguments_(arguments), loop_(loop) {}

  /// Makes the workers and has them listen, or says why not.
  Complaint prepare() {
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const unsigned count = arguments_.workers == 0 ? cores : arguments_.workers;
    for (unsigned i = 0; i < count; ++i)
      if (auto complaint = add_worker(); !complaint.empty()) return complaint;
    for (const std::string& text : arguments_.listen)
      if (auto complaint = listen(text); !complaint.empty()) return complaint;
    return {};
  }

  std::string description() const {
    return fmt::format("serving {} on {} with {} worker{}", arguments_.folder,
                       fmt::join(urls_, ", "), workers_.size(), workers_.size() == 1 ? "" : "s");
  }

  /// How many connections each worker has had; nothing to say about one, or before the end.
  std::string balance() const {
    if (accepted_.size() < 2) return "";
    return fmt::format("connections by worker: {} ({})\n", fmt::join(accepted_, ", "),
                       arguments_.accept);
  }

  /// Serves until it is told to end. Gives the first failure of a worker.
  Result<> run(Signals& signals) {
    Scope helper(loop_);
    helper.spawn(await_signals(signals));
    std::vector<std::jthread> threads;
    running_ = workers_.size();
    threads.reserve(workers_.size());
    for (const auto& worker : workers_)
      threads.emplace_back([this, &worker] {
        const Result<> outcome = worker->run();
        loop_.waker().post([this, outcome] { worker_ended(outcome); });
      });
    const Result<> waited = loop_.run();
    return waited ? outcome_ : waited;
  }

 private:
  Complaint add_worker() {
    auto directory = Directory::open(LinuxKernel::shared(), arguments_.folder.c_str());
    if (!directory) return why_no_folder(arguments_.folder, directory.error());
    auto worker = Worker::create(std::move(*directory), options_of(arguments_));
    if (!worker)
      return fmt::format("cannot make a loop: {}; try fewer --workers", worker.error().message());
    workers_.push_back(std::move(*worker));
    return {};
  }

  Complaint listen(const std::string& text) {
    const auto where = Address::parse(text);
    if (!where || where->is_unix())
      return fmt::format(
          "{} is no address; --listen takes HOST:PORT, with a numeric host, or :PORT", text);
    std::vector<Loop*> loops;
    loops.reserve(workers_.size());
    for (const auto& worker : workers_) loops.push_back(&worker->loop());
    auto shared = SharedListener::bind(loop_, loops, *where, sharing_of(arguments_.accept));
    if (!shared) return why_not_listening(text, shared.error());
    urls_.push_back("http://" + shared->local_address().text());
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->add(shared->take(i));
    listeners_.push_back(std::move(*shared));
    return {};
  }

  Task<> await_signals(Signals& signals) {
    const auto first = co_await signals.next();
    if (!first) co_return;
    remember_balance();
    listeners_.clear();
    for (const auto& worker : workers_) worker->drain();
    const auto second = co_await signals.next();
    if (!second) co_return;
    for (const auto& worker : workers_) worker->stop();
  }

  void remember_balance() {
    accepted_.resize(workers_.size());
    for (const SharedListener& one : listeners_) {
      const auto counts = one.accepted();
      for (std::size_t i = 0; i < counts.size(); ++i) accepted_[i] += counts[i];
    }
  }

  void worker_ended(Result<> outcome) {
    if (!outcome && outcome_) {
      outcome_ = outcome;
      for (const auto& worker : workers_) worker->drain();
    }
    if (--running_ == 0) loop_.stop();
  }

  const ServeArguments& arguments_;
  Loop& loop_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<SharedListener> listeners_;  // Until it is told to end.
  std::vector<std::uint64_t> accepted_;    // By each worker, once it was told to end.
  std::vector<std::string> urls_;
  std::size_t running_ = 0;
  Result<> outcome_;
};

int complain(std::FILE* err, const Complaint& complaint, int status) {
  fmt::print(err, "tocsin: {}\n", complaint);
  return status;
}

}  // namespace

CLI::App* add_serve(CLI::App& app, ServeArguments& arguments) {
  CLI::App* const command = app.add_subcommand("serve", "serve a folder over HTTP");
  command->footer(footer);
  command->add_option("DIR", arguments.folder, "the folder to serve")->capture_default_str();
  command->add_option("-l,--listen", arguments.listen, "where to listen; may be repeated")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false)
      ->capture_default_str();
  command->add_option("-w,--workers", arguments.workers, "threads that serve; 0: one a core")
      ->check(CLI::Range(0u, 1024u))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--accept", arguments.accept,
                   "how workers share connections: reuse_port (the kernel divides them), "
                   "exclusive (one that is free takes it), hand_over (dealt out in turns)")
      ->check(CLI::IsMember(names_of_sharings()))
      ->type_name("HOW")
      ->capture_default_str();
  const auto seconds = [&](const char* flag, double& place, const char* about) {
    command->add_option(flag, place, about)
        ->check(CLI::Range(0.001, 86400.0))
        ->type_name("SECONDS")
        ->capture_default_str();
  };
  seconds("--header-timeout", arguments.header_timeout, "for a request's head to come");
  seconds("--idle-timeout", arguments.idle_timeout, "for a silent connection to stay");
  seconds("--grace", arguments.grace, "for answers to be finished at the end");
  command->add_option("--max-header", arguments.max_header, "size of a request's head")
      ->check(CLI::Range(256u, 32u * 1024))
      ->type_name("BYTES")
      ->capture_default_str();
  return command;
}

int serve(const ServeArguments& arguments, std::FILE* out, std::FILE* err) {
  LinuxKernel& kernel = LinuxKernel::shared();
  raise_descriptor_limit();
  // sendfile(2) has no MSG_NOSIGNAL. The workers inherit the mask.
  constexpr std::array pipe_signal{SIGPIPE};
  const auto no_pipe_signal = SignalMask::block(kernel, pipe_signal);
  const StandardDescriptors standard(kernel);
  const auto loop = Loop::create(kernel);
  if (!no_pipe_signal || !loop)
    return complain(err, "cannot make a loop: out of descriptors or memory", not_started);
  auto signals = Signals::create(**loop, {SIGINT, SIGTERM});
  if (!signals)
    return complain(err, fmt::format("no signals: {}", signals.error().message()), not_started);

  Server server(arguments, **loop);
  if (const Complaint complaint = server.prepare(); !complaint.empty())
    return complain(err, complaint, not_started);
  fmt::print(out, "{}\n", server.description());
  std::fflush(out);
  const auto served = server.run(*signals);
  fmt::print(out, "{}", server.balance());
  if (served) return success;
  return complain(err, fmt::format("stopped: {}", served.error().message()), failed);
}

}  // namespace tocsin::cli
