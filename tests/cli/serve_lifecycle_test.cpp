// SPDX-License-Identifier: MIT
//
// How `tocsin serve` begins and ends: what it says, what it refuses, what signals do.
#include <thread>

#include <gtest/gtest.h>

#include "cli/program.hpp"
#include "serve_testing.hpp"

namespace tocsin {
namespace {

constexpr std::string_view get_large = "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n";

// All lines but the one asked for are a fault: people read the first and grep the last.
void expect_one_line(const Said& said, std::string_view begin, std::string_view part) {
  EXPECT_EQ(said.status, cli::not_started);
  EXPECT_EQ(said.out, "");
  EXPECT_TRUE(said.err.starts_with(begin)) << said.err;
  EXPECT_TRUE(said.err.contains(part)) << said.err;
  EXPECT_EQ(std::count(said.err.begin(), said.err.end(), '\n'), 1) << said.err;
}

TEST(ServeStart, SaysWhereItListens) {
  const Site site;
  const ServeProgram one(site);
  EXPECT_EQ(one.first_line,
            "serving " + site.root().string() + " on " + one.url() + " with 1 worker");
  const ServeProgram two(site, {"--workers", "2"});
  EXPECT_EQ(two.first_line,
            "serving " + site.root().string() + " on " + two.url() + " with 2 workers");
}

TEST(ServeStart, ListensAtSeveralAddresses) {
  const Site site;
  const ServeProgram server(site, {"--listen", "127.0.0.1:0"});
  const int second = std::stoi(server.first_line.substr(server.first_line.rfind(':') + 1));
  ASSERT_NE(second, server.port);
  for (const int port : {server.port, second})
    EXPECT_EQ(status_of(ask(port, "GET / HTTP/1.0\r\n\r\n")), 200);
}

TEST(ServeStart, RefusesAPortInUseWhoeverHasIt) {
  const Site site;
  for (const char* const workers : {"1", "2"}) {
    const ServeProgram first(site, {"--workers", workers});
    const std::string where = "127.0.0.1:" + std::to_string(first.port);
    for (const char* const more : {"1", "2"})
      expect_one_line(
          run_tocsin({"serve", site.root().string(), "--listen", where, "--workers", more}),
          "tocsin: " + where + " is in use; ", "--listen");
  }
}

TEST(ServeStart, RefusesWhatIsNoFolder) {
  const Site site;
  const std::string absent = (site.base() / "absent").string();
  const std::string file = (site.base() / "secret.txt").string();
  expect_one_line(run_tocsin({"serve", absent}), "tocsin: there is no folder " + absent + "; ",
                  "tocsin serve DIR");
  expect_one_line(run_tocsin({"serve", file}), "tocsin: " + file + " is not a folder; ",
                  "tocsin serve DIR");
}

TEST(ServeStart, RefusesFlagsItDoesNotUnderstand) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"serve", "--nonsense"},
                                             {"serve", "--workers", "-1"},
                                             {"serve", "--workers", "many"},
                                             {"serve", "--header-timeout", "0"},
                                             {"serve", "--idle-timeout", "soon"},
                                             {"serve", "--max-header", "1"},
                                             {"serve", "--accept", "somehow"},
                                             {"serve", "a", "b"}})
    expect_one_line(run_tocsin(arguments), "tocsin: ", "see: tocsin serve --help");
  expect_one_line(run_tocsin({}), "tocsin: ", "see: tocsin --help");
  expect_one_line(run_tocsin({"nonsense"}), "tocsin: ", "see: tocsin --help");
  expect_one_line(run_tocsin({"help", "nonsense"}), "tocsin: ", "tocsin help");
  for (const char* const where : {"nonsense", "127.0.0.1", "127.0.0.1:99999", "unix:/tmp/x"})
    expect_one_line(run_tocsin({"serve", "--listen", where}),
                    "tocsin: " + std::string(where) + " is no address; ", "HOST:PORT");
}

TEST(ServeStart, ExplainsItself) {
  EXPECT_TRUE(run_tocsin({"--version"}).out.starts_with("tocsin "));
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"help"}, {"--help"}, {"help", "serve"}, {"serve", "--help"}}) {
    const Said said = run_tocsin(arguments);
    EXPECT_EQ(said.status, 0);
    EXPECT_EQ(said.err, "");
    EXPECT_TRUE(said.out.contains("Examples:\n  tocsin serve")) << said.out;
  }
  EXPECT_TRUE(run_tocsin({"help", "serve"}).out.contains("--header-timeout"));
}

// The same through the function that main calls.
TEST(RunProgram, AnswersTheExitStatusAndWritesWhereItIsTold) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const memory = ::open_memstream(&text, &size);
  EXPECT_EQ(cli::run_program({"--version"}, memory, stderr), cli::success);
  EXPECT_EQ(cli::run_program({"serve", "--nonsense"}, stdout, memory), cli::not_started);
  std::fclose(memory);
  const std::string said(text, size);
  std::free(text);
  EXPECT_TRUE(said.starts_with("tocsin ")) << said;
  EXPECT_TRUE(said.contains("--nonsense; see: tocsin serve --help\n")) << said;
}

class ServeEnd : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Workers, ServeEnd, testing::Values("1", "2"));

TEST_P(ServeEnd, ASignalLetsADownloadEndAndRefusesNewOnes) {
  const Site site;
  for (const int number : {SIGTERM, SIGINT}) {
    ServeProgram server(site, {"--workers", GetParam()});
    const RawClient idle(server.port);
    const RawClient busy(server.port);
    busy.send(get_large);
    std::string heard = busy.receive(1000);
    server.signal(number);
    EXPECT_EQ(idle.receive(), "") << "an idle connection is closed at once";
    // The idle one has been closed, so its worker has stopped listening before.
    if (GetParam() == std::string("1")) {
      EXPECT_FALSE(RawClient(server.port).is_connected());
    }
    heard += busy.receive_all();
    EXPECT_EQ(status_of(heard), 200);
    EXPECT_TRUE(heard.ends_with(Site::large()));
    const Said said = server.end();
    EXPECT_EQ(said.status, 0);
    EXPECT_EQ(said.err, "");
  }
}

TEST_P(ServeEnd, ASecondSignalEndsItAtOnce) {
  const Site site;
  ServeProgram server(site, {"--workers", GetParam()});
  const RawClient idle(server.port);
  const RawClient busy(server.port);
  busy.send(get_large);
  EXPECT_EQ(status_of(busy.receive(1000)), 200);
  server.signal(SIGTERM);
  EXPECT_EQ(idle.receive(), "");
  server.signal(SIGTERM);
  EXPECT_EQ(server.end().status, 0);
}

TEST_P(ServeEnd, ADownloadThatIsNotTakenEndsWithTheGrace) {
  const Site site;
  ServeProgram server(site, {"--workers", GetParam(), "--grace", "0.05"});
  const RawClient deaf(server.port);
  deaf.send(get_large);
  EXPECT_EQ(status_of(deaf.receive(1000)), 200);
  server.signal(SIGTERM);
  EXPECT_EQ(server.end().status, 0);
}

class ServeWorkers : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Accept, ServeWorkers,
                         testing::Values("reuse_port", "exclusive", "hand_over"));

TEST_P(ServeWorkers, DivideConnectionsAndSayHow) {
  const Site site;
  ServeProgram server(site, {"--workers", "2", "--accept", GetParam()});
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 4; ++i)
      clients.emplace_back([&] {
        for (int j = 0; j < 25; ++j)
          EXPECT_EQ(status_of(ask(server.port, "GET /page.txt HTTP/1.0\r\n\r\n")), 200);
      });
  }
  server.signal(SIGTERM);
  const Said said = server.end();
  EXPECT_EQ(said.status, 0);
  const std::string begin = "connections by worker: ";
  ASSERT_TRUE(said.out.starts_with(begin)) << said.out;
  const auto comma = said.out.find(", ");
  ASSERT_NE(comma, said.out.npos);
  EXPECT_EQ(std::stoi(said.out.substr(begin.size())) + std::stoi(said.out.substr(comma + 2)), 100);
  EXPECT_TRUE(said.out.ends_with(" (" + std::string(GetParam()) + ")\n")) << said.out;
}

}  // namespace
}  // namespace tocsin
