// SPDX-License-Identifier: MIT
//
// Echo: messages of 64 bytes, there and back over loopback TCP and UNIX streams. The server is one
// thread, the clients are another; both are loops of this library.
//
// The clients are a closed loop: each connection sends when it has its answer, so that the round
// trips a second are as many as the two threads can make. How long one takes, with a hundred
// connections, is then mostly how long the others take: it is the price of the throughput, not
// that of a server with time to spare (for which see the fairness rows, an open loop).
//
// Thread rule: the main thread; the server is a LoopThread.
#include <memory>
#include <type_traits>
#include <vector>

#include "cli/bench/loop_list.hpp"
#include "cli/bench/loop_peers.hpp"
#include "cli/bench/statistics.hpp"

namespace tocsin::bench {
namespace {

template <class S>
class Echo {
 public:
  using Listener = std::conditional_t<std::is_same_v<S, TcpStream>, TcpListener, UnixListener>;

  static Outcome<std::unique_ptr<Echo>> create(std::size_t connections, const Settings& settings) {
    auto server = LoopThread::create();
    if (!server) return std::unexpected(server.error());
    auto loop = make_loop();
    if (!loop) return std::unexpected(loop.error());
    auto listener = Listener::bind((*server)->loop(), free_address(settings.kernel));
    if (!listener) return std::unexpected(why_not("a listener", listener.error()));
    const auto address = listener->local_address();
    if (!address) return std::unexpected(why_not("its address", address.error()));

    std::unique_ptr<Echo> echo(new Echo(std::move(*server), std::move(*loop)));
    echo->server_->start(cpu_for(settings, 1),
                         [listener = std::move(*listener)](Loop& own, Scope& scope) mutable {
                           scope.spawn(serve_echo(own, std::move(listener)));
                         });
    if (auto complaint = echo->clients_.connect(connections, *address); !complaint.empty())
      return std::unexpected(std::move(complaint));
    return echo;
  }

  // Round trips a second; the median and the 99th percentile of how long one took.
  Outcome<Measured> sample(const Pace& pace) {
    took_.clear();
    const TimePoint begin = now();
    {
      Scope scope(clients_.loop());
      for (S& peer : clients_.peers()) scope.spawn(ping(peer, begin + pace.sample));
      if (auto late = run_until_empty(clients_.loop(), scope, pace.sample + patience_with_peers);
          !late.empty())
        return std::unexpected(std::move(late));
    }
    const std::chrono::duration<double> seconds = now() - begin;
    if (!complaint_.empty()) return std::unexpected(complaint_);
    return Measured{
        {static_cast<double>(took_.size()) / seconds.count(), median(took_), quantile(took_, 0.99)},
        took_.size()};
  }

 private:
  Echo(std::unique_ptr<LoopThread> server, std::unique_ptr<Loop> loop)
      : server_(std::move(server)), clients_(std::move(loop)) {}

  static Address free_address(Kernel& kernel) {
    if constexpr (std::is_same_v<S, TcpStream>) {
      return Address::loopback(0);
    } else {
      return Address::unix_abstract(fmt::format("tocsin-bench-{}", kernel.getpid())).value();
    }
  }

  Task<> ping(S& peer, TimePoint end) {
    for (TimePoint begin = now(); begin < end;) {
      if (const auto done = co_await round_trip(peer); !done) {
        complaint_ = why_not("a round trip", done.error());
        co_return;
      }
      const TimePoint answered = now();
      took_.push_back(std::chrono::duration<double, std::micro>(answered - begin).count());
      begin = answered;
    }
  }

  std::unique_ptr<LoopThread> server_;
  Clients<S> clients_;
  std::vector<double> took_;  // Microseconds.
  std::string complaint_;
};

template <class S>
void add(Plan& plan, const char* kind, const Settings& settings) {
  const std::string remark = remark_on_cores(settings, 2);
  for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{100}}) {
    const auto row = [&](const char* what, const char* unit) {
      return Row{.group = "echo: n connections, 64 bytes there and back",
                 .name = fmt::format("{} {}", kind, what),
                 .n = n,
                 .unit = unit};
    };
    plan.push_back(
        {.rows = {row("throughput", "round trips/s"), row("median", "us"), row("p99", "us")},
         .begin = [n, remark, &settings](const Pace& pace) -> Outcome<Sampler> {
           auto echo = Echo<S>::create(n, settings);
           if (!echo) return std::unexpected(echo.error());
           return [pace, remark, echo = std::move(*echo)] {
             auto measured = echo->sample(pace);
             if (measured) measured->remark = remark;
             return measured;
           };
         }});
  }
}

}  // namespace

Plan plan_echo(const Settings& settings) {
  Plan plan;
  add<TcpStream>(plan, "TCP", settings);
  add<UnixStream>(plan, "UNIX", settings);
  return plan;
}

}  // namespace tocsin::bench
