// SPDX-License-Identifier: MIT
//
// Accepting: connections that are accepted and closed at once, of one listener and of four workers
// that share an address, and how evenly those share them (SharedListener).
//
// The server closes with a reset (SO_LINGER of zero), so that no connection stays behind in
// TIME_WAIT and the next run finds the machine as this one did. The client sees it, and connects
// again: 32 lines of it at once.
//
// Thread rule: the clients are the main thread's; every worker, and whoever accepts for the others
// with hand_over, is a LoopThread.
#include <memory>
#include <vector>

#include "cli/bench/loop_list.hpp"
#include "cli/bench/loop_peers.hpp"
#include "tocsin/net/shared_listener.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin::bench {
namespace {

constexpr const char* group = "accepting: connections accepted and closed, n at a time";
constexpr std::size_t lines = 32;
constexpr std::size_t workers = 4;

Task<> accept_and_close(TcpListener listener) {
  while (auto peer = co_await listener.accept())
    static_cast<void>(peer->set_linger(std::chrono::seconds{0}));
}

// Connects, and connects again once the server has closed.
class Churn {
 public:
  explicit Churn(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

  // Connections a second.
  Outcome<Measured> run(const Address& address, Duration length) {
    done_ = 0;
    const TimePoint begin = now();
    Scope scope(*loop_);
    for (std::size_t i = 0; i < lines; ++i) scope.spawn(connect(address, begin + length));
    if (auto late = run_until_empty(*loop_, scope, length + patience_with_peers); !late.empty())
      return std::unexpected(std::move(late));
    if (!complaint_.empty()) return std::unexpected(complaint_);
    const std::chrono::duration<double> seconds = now() - begin;
    return Measured{{static_cast<double>(done_) / seconds.count()}, done_};
  }

 private:
  Task<> connect(Address address, TimePoint end) {
    do {
      auto peer = co_await TcpStream::connect(*loop_, address);
      if (!peer && peer.error() != Errno{ECONNRESET}) {
        complaint_ = why_not("a connection", peer.error());
        co_return;
      }
      if (peer) static_cast<void>(co_await peer->read());  // Its end: a reset.
      ++done_;
    } while (now() < end);
  }

  std::unique_ptr<Loop> loop_;
  std::uint64_t done_ = 0;
  std::string complaint_;
};

// ---- one listener -------------------------------------------------------------------------------

struct Single {
  std::unique_ptr<LoopThread> server;
  Address address;
  Churn churn;

  static Outcome<std::unique_ptr<Single>> create(int cpu) {
    auto server = LoopThread::create();
    if (!server) return std::unexpected(server.error());
    auto loop = make_loop();
    if (!loop) return std::unexpected(loop.error());
    auto listener = TcpListener::bind((*server)->loop(), Address::loopback(0));
    if (!listener) return std::unexpected(why_not("a listener", listener.error()));
    const auto address = listener->local_address();
    if (!address) return std::unexpected(why_not("its address", address.error()));
    (*server)->start(cpu, [listener = std::move(*listener)](Loop&, Scope& scope) mutable {
      scope.spawn(accept_and_close(std::move(listener)));
    });
    return std::make_unique<Single>(std::move(*server), *address, Churn(std::move(*loop)));
  }
};

Planned planned_churn(const Settings& settings) {
  return {.rows = {{.group = group, .name = "one listener", .n = lines, .unit = "connections/s"}},
          .begin = [&settings](const Pace& pace) -> Outcome<Sampler> {
            auto single = Single::create(cpu_for(settings, 1));
            if (!single) return std::unexpected(single.error());
            return [=, remark = remark_on_cores(settings, 2), single = std::move(*single)] {
              auto measured = single->churn.run(single->address, pace.sample);
              if (measured) measured->remark = remark;
              return measured;
            };
          }};
}

// ---- several workers ----------------------------------------------------------------------------

// Ends in the thread of the acceptor, as it has to.
Task<> keep([[maybe_unused]] std::unique_ptr<SharedListener> listener) {
  while (const auto slept = co_await sleep_for(std::chrono::hours{1})) continue;
}

class Shared {
 public:
  static Outcome<std::unique_ptr<Shared>> create(Sharing sharing, const Settings& settings) {
    auto loop = make_loop();
    if (!loop) return std::unexpected(loop.error());
    std::unique_ptr<Shared> shared(new Shared(std::move(*loop)));
    if (auto complaint = shared->start(sharing, settings); !complaint.empty())
      return std::unexpected(std::move(complaint));
    return shared;
  }

  // The acceptor goes first: it deals to the others.
  ~Shared() {
    for (auto& thread : threads_) thread->stop();
  }

  Outcome<Measured> sample(const Pace& pace) {
    const std::vector<std::uint64_t> before = listener_->accepted();
    auto measured = churn_.run(listener_->local_address(), pace.sample);
    if (!measured) return measured;
    std::vector<std::uint64_t> counts = listener_->accepted();
    measured->remark = "in the last sample ";
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] -= before[i];
      measured->remark += fmt::format("{}{}", i == 0 ? "" : " + ", counts[i]);
    }
    measured->values.push_back(imbalance_of(counts));
    return measured;
  }

 private:
  explicit Shared(std::unique_ptr<Loop> loop) : churn_(std::move(loop)) {}

  std::string start(Sharing sharing, const Settings& settings) {
    std::vector<Loop*> loops;
    for (std::size_t i = 0; i <= workers; ++i) {
      auto thread = LoopThread::create();
      if (!thread) return thread.error();
      loops.push_back(&(*thread)->loop());
      threads_.push_back(std::move(*thread));
    }
    auto bound = SharedListener::bind(*loops.front(), std::span(loops).subspan(1),
                                      Address::loopback(0), sharing);
    if (!bound) return why_not("a shared listener", bound.error());
    auto listener = std::make_unique<SharedListener>(std::move(*bound));
    listener_ = listener.get();
    for (std::size_t i = 0; i < workers; ++i)
      threads_[i + 1]->start(cpu_of_worker(settings, i),
                             [taken = listener->take(i)](Loop&, Scope& scope) mutable {
                               scope.spawn(accept_and_close(std::move(taken)));
                             });
    threads_.front()->start(cpu_of_worker(settings, workers),
                            [listener = std::move(listener)](Loop&, Scope& scope) mutable {
                              scope.spawn(keep(std::move(listener)));
                            });
    return {};
  }

  // All cores but the clients'.
  static int cpu_of_worker(const Settings& settings, std::size_t worker) {
    const std::size_t others = std::max<std::size_t>(settings.cpus.size() - 1, 1);
    return cpu_for(settings, 1 + worker % others);
  }

  std::vector<std::unique_ptr<LoopThread>> threads_;  // The acceptor, and the workers.
  SharedListener* listener_ = nullptr;                // The acceptor's.
  Churn churn_;
};

Planned planned_sharing(Sharing sharing, const Settings& settings) {
  const std::string name(name_of(sharing));
  return {
      .rows = {{.group = group, .name = name + ", 4 workers", .n = lines, .unit = "connections/s"},
               {.group = group,
                .name = name + ": how unevenly shared (0: evenly)",
                .n = lines,
                .unit = "Gini"}},
      .begin = [&settings, sharing](const Pace& pace) -> Outcome<Sampler> {
        auto shared = Shared::create(sharing, settings);
        if (!shared) return std::unexpected(shared.error());
        return [=, shared = std::move(*shared)] { return shared->sample(pace); };
      }};
}

}  // namespace

Plan plan_accepts(const Settings& settings) {
  Plan plan;
  plan.push_back(planned_churn(settings));
  for (const Sharing sharing : {Sharing::reuse_port, Sharing::exclusive, Sharing::hand_over})
    plan.push_back(planned_sharing(sharing, settings));
  return plan;
}

}  // namespace tocsin::bench
