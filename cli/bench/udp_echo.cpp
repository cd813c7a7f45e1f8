// SPDX-License-Identifier: MIT
//
// UDP echo: a server with N open sockets, all of them watched, of which a share is in use: from
// each of those a client keeps one request on its way. For every request the server takes the
// descriptor out of what it watches, answers, and puts it back, as frameworks do that register anew
// for each wait. (After the measurements of the article "How epoll works", with its shares of
// active sockets: at least 10 sockets, else 10 % and 90 %.)
//
// The client is a thread on a core of its own, and always the same: what differs between the rows
// is how the server waits. A value is the time that passes on the server, divided by the requests
// it answered; the remark says how much of it the server worked. No request is ever lost: on its
// way there is one for each of the server's sockets, and no more for each of the client's than its
// buffer holds.
//
// Thread rule: as each class says.
#include <netinet/in.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <thread>

#include <fmt/core.h>

#include "cli/bench/lists.hpp"
#include "cli/bench/machine.hpp"
#include "cli/bench/subject.hpp"
#include "tocsin/base/prng.hpp"
#include "tocsin/kern/fd.hpp"

namespace tocsin::bench {
namespace {

constexpr std::uint64_t fewest_active = 10;
// Of 64 bytes each: an eighth of what net.core.rmem_default holds (socket(7)).
constexpr std::uint64_t most_per_client_socket = 32;
constexpr std::size_t request_size = 64;
constexpr double microsecond = 1e-3;  // Per nanosecond.

using Request = std::array<std::byte, request_size>;

// A socket at a free port of 127.0.0.1.
Result<Fd> make_socket(Kernel& kernel) {
  auto made = own(kernel, kernel.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return made;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto bound =
      kernel.bind(made->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (!bound) return std::unexpected(bound.error());
  return made;
}

// Takes a datagram and sends it back to whom it came from; false if there was none.
Result<bool> answer(Kernel& kernel, int fd) {
  Request request;
  sockaddr_in from{};
  socklen_t length = sizeof from;
  auto* const address = reinterpret_cast<sockaddr*>(&from);
  const auto received = kernel.recvfrom(fd, request, 0, address, &length);
  if (!received && received.error() == Errno::again) return false;
  if (!received) return std::unexpected(received.error());
  const auto sent = kernel.sendto(fd, std::span(request).first(*received), 0, address, length);
  if (!sent) return std::unexpected(sent.error());
  return true;
}

// Sends back whatever comes, in a thread of its own, until it is destroyed.
class Client {
 public:
  /// Requests go to each of `servers`, from as many sockets as hold all the answers.
  static Outcome<std::unique_ptr<Client>> make(Kernel& kernel, std::span<const int> servers) {
    auto poller = make_poller(kernel, Mechanism::epoll);
    if (!poller) return std::unexpected(why_not("the client's epoll", poller.error()));
    auto end = own(kernel, kernel.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!end) return std::unexpected(why_not("eventfd", end.error()));
    std::unique_ptr<Client> client(new Client(kernel, std::move(*poller), std::move(*end)));
    const auto begun = client->begin(servers);
    if (!begun) return std::unexpected(why_not("the client's sockets", begun.error()));
    return client;
  }
  ~Client() {
    const std::uint64_t one = 1;
    static_cast<void>(kernel_.write(end_.get(), std::as_bytes(std::span(&one, 1))));
  }  // And joins.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start(int cpu) {
    thread_ = std::jthread([this, cpu] {
      static_cast<void>(pin_this_thread(cpu));  // If not, it runs anywhere else.
      while (take_turn()) {
      }
    });
  }

 private:
  Client(Kernel& kernel, std::unique_ptr<Poller> poller, Fd end)
      : kernel_(kernel), end_(std::move(end)), poller_(std::move(poller)) {}

  Result<> begin(std::span<const int> servers) {
    if (auto added = poller_->add(end_.get(), Ready::read, {}, end_token); !added) return added;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (i % most_per_client_socket == 0) {
        auto made = make_socket(kernel_);
        if (!made) return std::unexpected(made.error());
        const Token token{sockets_.size()};
        if (auto added = poller_->add(made->get(), Ready::read, {}, token); !added) return added;
        sockets_.push_back(std::move(*made));
      }
      if (auto sent = request(servers[i]); !sent) return sent;
    }
    return {};
  }

  // The first of many from the latest of the sockets.
  Result<> request(int server) {
    sockaddr_in to{};
    socklen_t length = sizeof to;
    auto* const address = reinterpret_cast<sockaddr*>(&to);
    if (auto named = kernel_.getsockname(server, address, &length); !named) return named;
    const auto sent = kernel_.sendto(sockets_.back().get(), Request{}, 0, address, length);
    if (!sent) return std::unexpected(sent.error());
    return {};
  }

  // False at the end, or if anything fails: the server then says that requests have ceased.
  bool take_turn() {
    const auto events = poller_->wait(room_, std::nullopt);
    if (!events) return false;
    for (const Event& event : *events) {
      if (event.token == end_token) return false;
      const int fd = sockets_[std::to_underlying(event.token)].get();
      for (std::uint64_t i = 0; i < most_per_client_socket; ++i) {
        const auto answered = answer(kernel_, fd);
        if (!answered) return false;
        if (!*answered) break;
      }
    }
    return true;
  }

  static constexpr Token end_token{~std::uint64_t{0}};

  Kernel& kernel_;
  Fd end_;
  std::vector<Fd> sockets_;
  std::unique_ptr<Poller> poller_;
  std::array<Event, 64> room_{};
  std::jthread thread_;  // Uses all of the above.
};

// Main thread.
class Server {
 public:
  Server(Bed bed, Trigger trigger) : bed_(std::move(bed)), mode_{.trigger = trigger} {}

  /// Opens and watches `n` sockets.
  std::string open(std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      auto made = make_socket(bed_.kernel());
      if (!made) return why_not(fmt::format("socket number {}", i + 1), made.error());
      sockets_.push_back(std::move(*made));
      const auto added = bed_.poller().add(sockets_.back().get(), Ready::read, mode_, Token{i});
      if (!added) return why_not("registration", added.error());
    }
    return {};
  }

  /// Lets a client begin that uses `active` of the sockets, at random.
  std::string let_in_client(std::uint64_t active, std::uint64_t seed, int cpu) {
    std::vector<int> servers;
    servers.reserve(sockets_.size());
    for (const Fd& socket : sockets_) servers.push_back(socket.get());
    Prng prng(seed);
    for (std::uint64_t i = 0; i < active; ++i)
      std::swap(servers[i], servers[i + prng.below(servers.size() - i)]);
    auto client = Client::make(bed_.kernel(), std::span(servers).first(active));
    if (!client) return client.error();
    client_ = std::move(*client);
    client_->start(cpu);
    return {};
  }

  /// Answers at least `count` requests, and how many. After a failure it does nothing more.
  std::uint64_t run(std::uint64_t count) {
    std::uint64_t answered = 0;
    while (answered < count && complaint_.empty()) answered += take_turn();
    return answered;
  }

  const std::string& complaint() const { return complaint_; }

 private:
  // Answers how many requests it has answered.
  std::uint64_t take_turn() {
    const auto events = bed_.wait(room_, std::chrono::seconds{2});
    if (!events || events->empty()) {
      complaint_ = events ? "no request came for two seconds: some were lost"
                          : why_not("wait", events.error());
      return 0;
    }
    for (const Event& event : *events)
      if (const auto served = serve(event.token); !served)
        complaint_ = why_not("a request", served.error());
    return events->size();
  }

  Result<> serve(Token token) {
    const int fd = sockets_[std::to_underlying(token)].get();
    if (auto removed = bed_.poller().remove(fd); !removed) return removed;
    if (const auto answered = answer(bed_.kernel(), fd); !answered)
      return std::unexpected(answered.error());
    return bed_.poller().add(fd, Ready::read, mode_, token);
  }

  Bed bed_;
  Mode mode_;
  std::vector<Fd> sockets_;
  std::unique_ptr<Client> client_;  // Of the bed's kernel, and ends before the sockets.
  std::array<Event, 1024> room_{};
  std::string complaint_;
};

constexpr Clock usual_clock = Clock::elapsed;  // As a client sees it.

// What the server has worked since the samples that count began.
class Work {
 public:
  /// "server worked 7.10 us each, 98 % busy", over all samples so far, of which the latest was one
  /// of `operations`. Nothing of the first, which is thrown away.
  std::string after(std::uint64_t operations) {
    const Duration elapsed = reading_of(Clock::elapsed);
    const Duration worked = reading_of(Clock::worked);
    if (begun_ == Duration{}) {
      begun_ = elapsed;
      worked_ = worked;
      return {};
    }
    operations_ += operations;
    const auto work = static_cast<double>((worked - worked_).count());
    const auto passed = static_cast<double>((elapsed - begun_).count());
    return fmt::format("server worked {:.2f} us each, {:.0f} % busy",
                       microsecond * work / static_cast<double>(operations_),
                       100 * work / std::max(passed, 1.0));
  }

 private:
  Duration begun_{};
  Duration worked_{};
  std::uint64_t operations_ = 0;
};

// Microseconds of a request.
Sampler sampler_of(std::unique_ptr<Server> server, const Pace& pace,
                   const MultiplexerOptions& options) {
  const std::uint64_t most = std::max<std::uint64_t>(options.requests / pace.samples, 1);
  return [server = std::move(server), block = Block(pace, most, clock_of(options, usual_clock)),
          work = Work()]() mutable -> Outcome<Measured> {
    Measured measured =
        block.measure([&](std::uint64_t count) { return server->run(count); }, microsecond);
    if (!server->complaint().empty()) return std::unexpected(server->complaint());
    measured.remark = work.after(measured.operations);
    return measured;
  };
}

// `percent` of `n`, but at least ten sockets, as far as there are so many.
std::uint64_t active_of(std::uint64_t n, std::uint64_t percent) {
  return std::min(n, std::max(n * percent / 100, fewest_active));
}

Planned planned(const Subject& subject, const MultiplexerOptions& options, std::uint64_t n,
                std::uint64_t percent, const Settings& settings) {
  const std::string group = fmt::format(
      "UDP echo, N sockets, {} % of them in use: time of a request, its socket removed and added",
      percent);
  return {.rows = {{.group = group,
                    .name = subject.name,
                    .n = n,
                    .unit = unit_of("us", clock_of(options, usual_clock))}},
          .begin = [=, &settings](const Pace& pace) -> Outcome<Sampler> {
            auto bed = Bed::make(subject, settings.kernel);
            if (!bed) return std::unexpected(bed.error());
            auto server = std::make_unique<Server>(std::move(*bed), subject.trigger);
            if (std::string complaint = server->open(n); !complaint.empty())
              return std::unexpected(std::move(complaint));
            const int cpu = settings.cpus[1 % settings.cpus.size()];
            if (std::string complaint =
                    server->let_in_client(active_of(n, percent), settings.seed, cpu);
                !complaint.empty())
              return std::unexpected(std::move(complaint));
            server->run(options.warm_ups);
            return sampler_of(std::move(server), pace, options);
          }};
}

std::vector<std::uint64_t> usual_n(const Settings& settings) {
  constexpr std::uint64_t others = 60;
  constexpr std::uint64_t last = 22'000;  // Of the article's.
  std::vector<std::uint64_t> all{10, 100, 1'000, 10'000};
  // The client has sockets, too: one for so many of the server's.
  const std::uint64_t most = std::max(settings.most_fds, 2 * others) - others;
  const std::uint64_t room = most * most_per_client_socket / (most_per_client_socket + 1);
  std::erase_if(all, [&](std::uint64_t n) { return n > room; });
  if (!settings.quick && room > all.back()) all.push_back(std::min(room, last));
  return all;
}

}  // namespace

Plan plan_udp_echo(const MultiplexerOptions& options, const Settings& settings) {
  std::vector<Subject> subjects = chosen(all_subjects(), options.mechanisms);
  // Two threads share the kernel.
  std::erase_if(subjects,
                [](const Subject& subject) { return subject.home == Subject::Home::vkern; });
  const std::vector<std::uint64_t> usual_active{10, 90};
  Plan plan;
  for (const std::uint64_t percent : options.active.empty() ? usual_active : options.active)
    for (const std::uint64_t n : options.n.empty() ? usual_n(settings) : options.n)
      for (const Subject& subject : subjects)
        plan.push_back(planned(subject, options, n, percent, settings));
  return plan;
}

}  // namespace tocsin::bench
