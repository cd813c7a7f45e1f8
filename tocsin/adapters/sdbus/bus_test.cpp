// SPDX-License-Identifier: MIT
//
// Against a real dbus-daemon; where somebody has to be slow on purpose, a played peer.
#include "tocsin/adapters/sdbus/bus.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <systemd/sd-bus.h>

#include "tocsin/adapters/sdbus/bus_daemon_testing.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin::sdbus {
namespace {

using namespace std::chrono_literals;

constexpr const char* the_bus = "org.freedesktop.DBus";

template <class... Arguments>
Task<Outcome<Message>> call(Bus& bus, std::string destination, std::string member,
                            Arguments... arguments) {
  const std::string interface = destination == the_bus ? the_bus : "test.Service";
  co_return co_await bus.call(destination, "/object", interface, member, arguments...);
}

Task<> call_into(Bus& bus, std::string destination, std::string member,
                 std::optional<Outcome<Message>>& into) {
  into.emplace(co_await call(bus, std::move(destination), std::move(member)));
}

/// A service with sd-bus' own functions: Double answers, Refuse fails, Silent never answers.
struct Service {
  static int on_double(sd_bus_message* call, void*, sd_bus_error*) {
    int number = 0;
    if (const int done = sd_bus_message_read(call, "i", &number); done < 0) return done;
    return sd_bus_reply_method_return(call, "i", 2 * number);
  }
  static int on_refuse(sd_bus_message*, void*, sd_bus_error* error) {
    return sd_bus_error_set(error, "test.Refused", "I would rather not");
  }
  static int on_silent(sd_bus_message* call, void* service, sd_bus_error*) {
    ++static_cast<Service*>(service)->asked;
    static_cast<Service*>(service)->left.push_back(Message::of(call));
    return 1;
  }

  /// Serves on `bus`, under its unique name, which is the answer.
  std::string serve_on(Bus& bus) {
    static const sd_bus_vtable methods[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Double", "i", "i", &on_double, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Refuse", "", "", &on_refuse, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Silent", "", "", &on_silent, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END};
    EXPECT_GE(sd_bus_add_object_vtable(bus.native(), nullptr, "/object", "test.Service",
                                       static_cast<const sd_bus_vtable*>(methods), this),
              0);
    const char* name = nullptr;
    EXPECT_GE(sd_bus_get_unique_name(bus.native(), &name), 0);
    return name;
  }

  int asked = 0;              // How many Silent calls came ...
  std::vector<Message> left;  // ... and they themselves.
};

class BusTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!daemon_.is_there()) GTEST_SKIP() << "there is no dbus-daemon (dbus-daemon)";
  }

  Bus connected() { return world_.await(Bus::connect(world_.loop, daemon_.address())).value(); }

  BusDaemon daemon_;
  LoopWorld world_;
  Service service_;
};

TEST_F(BusTest, ACallIsAnswered) {
  Bus bus = connected();
  const auto names = world_.await(call(bus, the_bus, "ListNames"));
  ASSERT_TRUE(names) << names.error().message();
  std::vector<std::string> list;
  ASSERT_TRUE(names->read(list));
  EXPECT_EQ(list.size(), 2u) << "the bus itself, and this connection";
  EXPECT_TRUE(std::ranges::count(list, the_bus));
}

TEST_F(BusTest, OneLoopServesAndCalls) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  const auto answer = world_.await(call(client, name, "Double", 21));
  ASSERT_TRUE(answer) << answer.error().message();
  int number = 0;
  ASSERT_TRUE(answer->read(number));
  EXPECT_EQ(number, 42);
}

TEST_F(BusTest, ACallToNobodyIsToldByTheBus) {
  Bus bus = connected();
  const auto answer = world_.await(call(bus, "test.Nobody", "Double", 1));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().name(), "org.freedesktop.DBus.Error.ServiceUnknown");
  EXPECT_EQ(answer.error().number(), Errno{EHOSTUNREACH});
  EXPECT_NE(answer.error().message().find("test.Nobody"), std::string::npos);
}

TEST_F(BusTest, AnErrorOfThePeerComesWithItsNameAndItsWords) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  const auto refused = world_.await(call(client, name, "Refuse"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name(), "test.Refused");
  EXPECT_EQ(refused.error().message(), "I would rather not");
  EXPECT_EQ(refused.error().number(), Errno{EIO});
}

TEST_F(BusTest, WhatCannotBeARequestIsRefusedWithoutTheBus) {
  Bus bus = connected();
  EXPECT_EQ(world_.await(call(bus, "no name", "Double")).error().number(), Errno::invalid);
  EXPECT_EQ(world_.await(call(bus, the_bus, "no member")).error().number(), Errno::invalid);
}

TEST_F(BusTest, AThousandCallsWaitAtOnce) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  int sum = 0;
  for (int i = 0; i < 1000; ++i)
    world_.scope.spawn([](Bus& bus, const std::string& of, int number, int& into) -> Task<> {
      const auto answer = co_await bus.call(of, "/object", "test.Service", "Double", number);
      int doubled = 0;
      if (answer && answer->read(doubled) && doubled == 2 * number) into += number;
    }(client, name, i, sum));
  EXPECT_TRUE(world_.run_until([&] { return world_.scope.size() == 0; }));
  EXPECT_EQ(sum, 999 * 1000 / 2);
}

TEST_F(BusTest, AHandlerMayLeaveTheAnswerForLater) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  std::optional<Outcome<Message>> got;
  world_.scope.spawn(call_into(client, name, "Silent", got));
  ASSERT_TRUE(world_.run_until([&] { return service_.asked == 1; }));
  sd_bus_message* answer = nullptr;
  ASSERT_GE(sd_bus_message_new_method_return(service_.left.front().native(), &answer), 0);
  EXPECT_TRUE(server.send(Message(answer)));
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(*got);
}

TEST_F(BusTest, APeerThatDoesNotAnswerIsWaitedForAsLongAsSdBusSays) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  ASSERT_GE(sd_bus_set_method_call_timeout(client.native(), 20'000), 0);
  const TimePoint start = world_.loop.now();
  const auto silent = world_.await(call(client, name, "Silent"));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().number(), Errno::timed_out);
  EXPECT_EQ(silent.error().name(), "org.freedesktop.DBus.Error.NoReply");
  EXPECT_GE(world_.loop.now() - start, 20ms);
  EXPECT_EQ(service_.asked, 1);
}

TEST_F(BusTest, ATimeoutCutsACallShort) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  const auto silent = world_.await([](Bus& bus, const std::string& of) -> Task<Outcome<Message>> {
    co_return co_await timeout(10ms, bus.call(of, "/object", "test.Service", "Silent"));
  }(client, name));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().number(), Errno::timed_out);
  EXPECT_EQ(silent.error().name(), "");
  EXPECT_TRUE(world_.await(call(client, name, "Double", 1))) << "the connection goes on";
}

TEST_F(BusTest, WhoIsCancelledLeavesTheOthersAlone) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  std::optional<Outcome<Message>> stays;
  std::optional<Outcome<Message>> goes;
  world_.scope.spawn(call_into(client, name, "Silent", stays));
  {
    Scope cancelled(world_.loop);
    cancelled.spawn(call_into(client, name, "Silent", goes));
    ASSERT_TRUE(world_.run_until([&] { return service_.asked == 2; }));
    cancelled.cancel();
    ASSERT_TRUE(world_.run_until([&] { return goes.has_value(); }));
  }
  EXPECT_EQ(goes->error().number(), Errno::cancelled);
  EXPECT_FALSE(stays);
  EXPECT_TRUE(world_.await(call(client, name, "Double", 1)));
}

// ---- the end of the connection ------------------------------------------------------------------

TEST_F(BusTest, WhenTheDaemonIsKilledEverybodyIsTold) {
  Bus server = connected();
  Bus client = connected();
  const std::string name = service_.serve_on(server);
  std::array<std::optional<Outcome<Message>>, 3> calls;
  for (auto& into : calls) world_.scope.spawn(call_into(client, name, "Silent", into));
  std::optional<Outcome<Signal>> signal;
  auto match = client.match("type='signal',interface='test.Signals'").value();
  world_.scope.spawn([](Match& from, std::optional<Outcome<Signal>>& into) -> Task<> {
    into.emplace(co_await from.next());
  }(match, signal));
  ASSERT_TRUE(world_.run_until([&] { return service_.asked == 3; }));

  daemon_.kill();
  ASSERT_TRUE(world_.run_until([&] { return world_.scope.size() == 0; }));
  for (const auto& got : calls) EXPECT_EQ(got->error().number(), Errno{ECONNRESET});
  EXPECT_EQ(signal->error().number(), Errno{ECONNRESET});

  EXPECT_EQ(world_.await(call(client, name, "Silent")).error().number(), Errno{ECONNRESET});
  EXPECT_EQ(client.match("type='signal'").error().number(), Errno{ECONNRESET});
  EXPECT_TRUE(world_.run_until([&] { return world_.registrations() == 0; }));
  world_.run_until_idle();  // It would not end if the loop span.
}

TEST_F(BusTest, WhoStillWaitsWhenItEndsIsCancelled) {
  Bus server = connected();
  std::optional<Bus> client(connected());
  const std::string name = service_.serve_on(server);
  auto match = client->match("type='signal'").value();
  std::optional<Outcome<Message>> got;
  world_.scope.spawn(call_into(*client, name, "Silent", got));
  ASSERT_TRUE(world_.run_until([&] { return service_.asked == 1; }));
  client.reset();
  EXPECT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error().number(), Errno::cancelled);
  EXPECT_EQ(world_.registrations(), 1u) << "the server's";
}

// ---- connecting ---------------------------------------------------------------------------------

TEST_F(BusTest, ABusThatIsNotThereIsToldByItsErrno) {
  EXPECT_EQ(world_.await(Bus::connect(world_.loop, "unix:path=/nowhere/bus")).error().number(),
            Errno{ENOENT});
  EXPECT_EQ(world_.await(Bus::connect(world_.loop, "no address")).error().number(),
            Errno{ECONNREFUSED});
  EXPECT_EQ(world_.await(Bus::connect(world_.loop, "unix:no=path")).error().number(),
            Errno::invalid);
  EXPECT_TRUE(
      world_.await(Bus::connect(world_.loop, "unix:path=/nowhere/bus;" + daemon_.address())));
  EXPECT_EQ(world_.registrations(), 0u);
}

TEST_F(BusTest, TheSessionsAndTheSystemsBusAreFoundByTheEnvironment) {
  const char* const before = ::getenv("DBUS_SESSION_BUS_ADDRESS");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("DBUS_SESSION_BUS_ADDRESS", daemon_.address().c_str(), 1);
  EXPECT_TRUE(world_.await(Bus::connect_session(world_.loop)));
  ::setenv("DBUS_SESSION_BUS_ADDRESS", kept.c_str(), 1);
  if (before == nullptr) ::unsetenv("DBUS_SESSION_BUS_ADDRESS");

  ASSERT_EQ(::getenv("DBUS_SYSTEM_BUS_ADDRESS"), nullptr) << "the test would change it";
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", daemon_.address().c_str(), 1);
  EXPECT_TRUE(world_.await(Bus::connect_system(world_.loop)));
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

// It closes a socket that was refused, and opens another, of the same number.
TEST_F(BusTest, TheNextAddressIsTriedWhereTheFirstRefuses) {
  Kernel& kernel = world_.loop.kernel();
  const Fd bound(kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
  const Address any = Address::loopback(0);
  ASSERT_TRUE(kernel.bind(bound.get(), any.data(), any.size()));  // Nobody listens there.
  const std::string text = local_address_of(kernel, bound.get()).value().text();
  const std::string refusing = "tcp:host=127.0.0.1,port=" + text.substr(text.rfind(':') + 1);
  EXPECT_TRUE(
      world_.await(Bus::connect(world_.loop, refusing + ";" + refusing + ";" + daemon_.address())));
  EXPECT_EQ(world_.await(Bus::connect(world_.loop, refusing)).error().number(), Errno{ECONNRESET});
}

// sd-bus waits for the path to appear, by inotify, and changes descriptors in the middle of it.
TEST_F(BusTest, ADescriptorThatSdBusChangesIsFollowed) {
  const std::string address = daemon_.address().substr(0, daemon_.address().find(','));
  daemon_.kill();
  sd_bus* prepared = nullptr;
  ASSERT_GE(sd_bus_new(&prepared), 0);
  ASSERT_GE(sd_bus_set_address(prepared, address.c_str()), 0);
  ASSERT_GE(sd_bus_set_bus_client(prepared, 1), 0);
  ASSERT_GE(sd_bus_set_watch_bind(prepared, 1), 0);
  ASSERT_GE(sd_bus_start(prepared), 0);
  Bus bus = Bus::adopt(world_.loop, prepared);
  std::optional<Outcome<Message>> got;
  world_.scope.spawn(call_into(bus, the_bus, "ListNames", got));
  world_.run_until_idle();
  EXPECT_FALSE(got);
  daemon_.start();
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(*got) << got->error().message();
  EXPECT_EQ(world_.registrations(), 1u);
}

}  // namespace
}  // namespace tocsin::sdbus
