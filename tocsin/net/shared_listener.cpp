// SPDX-License-Identifier: MIT
#include "tocsin/net/shared_listener.hpp"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/net/internal/inbox.hpp"
#include "tocsin/net/internal/tcp_socket.hpp"

namespace tocsin {

std::string_view name_of(Sharing sharing) {
  switch (sharing) {
    case Sharing::reuse_port:
      return "reuse_port";
    case Sharing::exclusive:
      return "exclusive";
    case Sharing::hand_over:
      return "hand_over";
  }
  __builtin_unreachable();
}

double imbalance_of(std::span<const std::uint64_t> counts) {
  double sum = 0;
  double differences = 0;
  for (const std::uint64_t one : counts) {
    sum += static_cast<double>(one);
    for (const std::uint64_t other : counts)
      differences += static_cast<double>(one > other ? one - other : other - one);
  }
  return sum == 0 ? 0 : differences / (2 * static_cast<double>(counts.size()) * sum);
}

// ---- Balance ------------------------------------------------------------------------------------

// Each worker's in a line of its own: they are written to by different threads.
class SharedListener::Balance {
 public:
  explicit Balance(std::size_t workers) : counts_(workers) {}  // Never grows: atomics stay put.

  static std::shared_ptr<std::atomic<std::uint64_t>> of(const std::shared_ptr<Balance>& all,
                                                        std::size_t worker) {
    return {all, &all->counts_[worker].accepted};
  }
  std::vector<std::uint64_t> counts() const {
    std::vector<std::uint64_t> all;
    all.reserve(counts_.size());
    for (const Count& one : counts_) all.push_back(one.accepted.load(std::memory_order_relaxed));
    return all;
  }

 private:
  struct alignas(64) Count {
    std::atomic<std::uint64_t> accepted = 0;
  };
  std::vector<Count> counts_;
};

// ---- Dealer -------------------------------------------------------------------------------------

class SharedListener::Dealer {
 public:
  Dealer(Loop& loop, std::unique_ptr<Listening> listening)
      : listening_(std::move(listening)), scope_(loop) {}

  void add(std::shared_ptr<Inbox> inbox) { inboxes_.push_back(std::move(inbox)); }
  void start() { scope_.spawn(deal()); }

 private:
  Task<> deal() {
    while (auto connection = co_await AcceptFdOperation(*listening_))
      if (!give_to_next(*connection)) break;
    listening_.reset();  // It is unusable, or nobody is left: who comes now is refused.
  }

  // Workers that have ended are passed over.
  bool give_to_next(Fd& connection) {
    for (std::size_t tries = 0; tries < inboxes_.size(); ++tries) {
      next_ = (next_ + 1) % inboxes_.size();
      if (inboxes_[next_]->push(connection)) return true;
    }
    return false;
  }

  std::unique_ptr<Listening> listening_;
  std::vector<std::shared_ptr<Inbox>> inboxes_;
  std::size_t next_ = 0;
  Scope scope_;
};

// ---- SharedListener -----------------------------------------------------------------------------

namespace {

using Listeners = std::vector<std::unique_ptr<Listening>>;

Result<> listen_to(Listeners& listeners, Result<std::unique_ptr<FdSource>> source) {
  if (!source) return std::unexpected(source.error());
  auto listening = Listening::create(std::move(*source));
  if (!listening) return std::unexpected(listening.error());
  listeners.push_back(std::move(*listening));
  return {};
}

// What all of one bind are made of.
struct Plan {
  Kernel& kernel;
  std::span<Loop* const> loops;
  Address address;
  TcpListenOptions options;
  std::source_location where;
};

// A shared port could be shared with a stranger's process of the same user, too: that it is free
// shows only when it is bound alone.
Result<> check_free(const Plan& plan) {
  if (plan.address.port() == 0) return {};
  const auto alone = internal::tcp_listening_socket(plan.kernel, plan.address, plan.options);
  if (!alone) return std::unexpected(alone.error());
  return {};
}

Result<Address> listen_side_by_side(Plan plan, Listeners& listeners) {
  if (plan.loops.size() > 1) {
    if (auto done = check_free(plan); !done) return std::unexpected(done.error());
    plan.options.reuse_port = true;
  }
  for (Loop* const loop : plan.loops) {
    auto fd = internal::tcp_listening_socket(plan.kernel, plan.address, plan.options);
    if (!fd) return std::unexpected(fd.error());
    const auto bound = local_address_of(plan.kernel, fd->get());
    if (!bound) return bound;
    plan.address = *bound;  // With port 0, the others take the one that the first was given.
    auto done =
        listen_to(listeners, FdSource::create(*loop, std::move(*fd), "tcp listener", plan.where));
    if (!done) return std::unexpected(done.error());
  }
  return plan.address;
}

// A descriptor for each, of one socket: each closes its own.
Result<Address> listen_together(const Plan& plan, Listeners& listeners) {
  const auto socket = internal::tcp_listening_socket(plan.kernel, plan.address, plan.options);
  if (!socket) return std::unexpected(socket.error());
  for (Loop* const loop : plan.loops) {
    auto fd = own(plan.kernel, plan.kernel.fcntl(socket->get(), F_DUPFD_CLOEXEC, 0));
    if (!fd) return std::unexpected(fd.error());
    auto done = listen_to(
        listeners, FdSource::create_exclusive(*loop, std::move(*fd), "tcp listener", plan.where));
    if (!done) return std::unexpected(done.error());
    listeners.back()->takes_turns = true;
    listeners.back()->where = plan.where;
  }
  return local_address_of(plan.kernel, socket->get());
}

// The listener's end of an inbox: nothing more is taken once it has gone.
std::shared_ptr<Inbox> end_of(const std::shared_ptr<Inbox>& inbox) {
  return {inbox.get(), [inbox](Inbox* ended) { ended->close(); }};
}

}  // namespace

SharedListener::SharedListener() = default;
SharedListener::SharedListener(SharedListener&&) noexcept = default;
SharedListener::~SharedListener() = default;

Result<SharedListener> SharedListener::bind(Loop& acceptor, std::span<Loop* const> loops,
                                            const Address& address, Sharing sharing,
                                            const TcpListenOptions& options,
                                            std::source_location where) {
  CHECK(!loops.empty(), "an address is shared by one loop at least");
  if (!internal::is_tcp(address)) return std::unexpected(Errno{EAFNOSUPPORT});
  const Plan plan{acceptor.kernel(), loops, address, options, where};
  SharedListener shared;
  Result<Address> bound;
  if (sharing == Sharing::exclusive) {
    bound = listen_together(plan, shared.listeners_);
  } else if (sharing == Sharing::reuse_port) {
    bound = listen_side_by_side(plan, shared.listeners_);
  } else {
    bound = shared.deal_from(acceptor, loops, address, options, where);
  }
  if (!bound) return std::unexpected(bound.error());
  shared.address_ = *bound;
  shared.balance_ = std::make_shared<Balance>(loops.size());
  for (std::size_t i = 0; i < loops.size(); ++i)
    shared.listeners_[i]->accepted = Balance::of(shared.balance_, i);
  if (shared.dealer_) shared.dealer_->start();
  return shared;
}

Result<Address> SharedListener::deal_from(Loop& acceptor, std::span<Loop* const> loops,
                                          const Address& address, const TcpListenOptions& options,
                                          std::source_location where) {
  Kernel& kernel = acceptor.kernel();
  auto fd = internal::tcp_listening_socket(kernel, address, options);
  if (!fd) return std::unexpected(fd.error());
  const auto bound = local_address_of(kernel, fd->get());
  if (!bound) return bound;
  Listeners dealing;
  auto done = listen_to(dealing, FdSource::create(acceptor, std::move(*fd), "tcp listener", where));
  if (!done) return std::unexpected(done.error());
  dealer_ = std::make_unique<Dealer>(acceptor, std::move(dealing.front()));

  for (Loop* const loop : loops) {
    auto inbox = Inbox::create(kernel);
    if (!inbox) return std::unexpected(inbox.error());
    done = listen_to(listeners_,
                     FdSource::create(*loop, (*inbox)->take_readable(), "tcp inbox", where));
    if (!done) return std::unexpected(done.error());
    listeners_.back()->inbox = end_of(*inbox);
    listeners_.back()->address = *bound;
    dealer_->add(std::move(*inbox));
  }
  return bound;
}

TcpListener SharedListener::take(std::size_t worker) {
  CHECK(worker < listeners_.size() && listeners_[worker] != nullptr,
        "each loop's listener is taken once");
  return TcpListener(std::move(listeners_[worker]));
}

std::vector<std::uint64_t> SharedListener::accepted() const { return balance_->counts(); }

}  // namespace tocsin
