// SPDX-License-Identifier: MIT
//
// Method: a server and a client in one loop. What is sent is bytes, what is compared is all
// the bytes that came back until the server closed; pieces are read one by one.
#include "tocsin/http/server.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "tocsin/http/server_testing.hpp"

namespace tocsin::http {
namespace {

using namespace std::chrono_literals;

Response echo_path(const Request& request) {
  return Response::text(std::string(request.method_name) + ' ' + std::string(request.path));
}

std::string answer(std::string_view body, std::string_view connection = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(connection) +
         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

constexpr std::string_view closes = "Connection: close\r\n";

TEST(HttpServer, AnswersOneRequestAfterTheOtherOnOneConnection) {
  Exchange exchange;
  EXPECT_EQ(without_date(exchange(echo_path, {get("/a"), get("/b")})),
            answer("GET /a") + answer("GET /b"));
}

TEST(HttpServer, SaysWhatTimeItIs) {
  Exchange exchange;
  const std::string heard = exchange(echo_path, {get("/")});
  const std::size_t at = heard.find("\r\nDate: ");
  ASSERT_NE(at, heard.npos);
  const auto said = parse_date(heard.substr(at + 8, 29));
  ASSERT_TRUE(said.has_value());
  const auto now = exchange.loop().kernel().clock_gettime(CLOCK_REALTIME)->tv_sec;
  EXPECT_LE(std::abs(now - *said), 5);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderHoweverTheyAreCut) {
  const std::string requests = get("/a") + get("/b") + "\r\n" + get("/c");
  const std::string answers = answer("GET /a") + answer("GET /b") + answer("GET /c");
  for (const std::size_t cut : {std::size_t{1}, std::size_t{20}, get("/a").size() - 1,
                                get("/a").size(), get("/a").size() + 5, requests.size()}) {
    Exchange exchange;
    std::vector<std::string> pieces{requests.substr(0, cut)};
    if (cut < requests.size()) pieces.push_back(requests.substr(cut));
    EXPECT_EQ(without_date(exchange(echo_path, pieces)), answers) << "cut at " << cut;
  }
}

TEST(HttpServer, AnswersMorePipelinedRequestsThanABufferHolds) {
  std::string requests;
  std::string answers;
  for (int i = 0; i < 3000; ++i) {
    const std::string path = std::string("/").append(std::to_string(i));
    requests += get(path);
    answers += answer(std::string("GET ").append(path));
  }
  Exchange exchange;
  EXPECT_EQ(without_date(exchange(echo_path, {requests})), answers);
}

TEST(HttpServer, AnswersHeadWithoutABody) {
  Exchange exchange;
  const std::string full = answer("HEAD /a");
  EXPECT_EQ(without_date(exchange(echo_path, {"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", get("/b")})),
            full.substr(0, full.size() - 7) + answer("GET /b"));
}

TEST(HttpServer, ClosesWhenItIsAskedTo) {
  Exchange exchange;
  exchange.client_finishes = false;
  EXPECT_EQ(without_date(exchange(echo_path, {get("/a", closes) + get("/b")})),
            answer("GET /a", closes));
  EXPECT_EQ(without_date(exchange(echo_path, {"GET / HTTP/1.0\r\n\r\n"})), answer("GET /", closes));
}

TEST(HttpServer, TellsAnOldClientThatItStays) {
  Exchange exchange;
  EXPECT_EQ(without_date(exchange(echo_path, {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"})),
            answer("GET /", "Connection: keep-alive\r\n"));
}

TEST(HttpServer, WaitsForAnAsynchronousHandler) {
  Exchange exchange;
  const auto slow = [](const Request& request) -> Task<Response> {
    static_cast<void>(co_await sleep_for(1ms));
    co_return echo_path(request);
  };
  EXPECT_EQ(without_date(exchange(AsyncHandler(slow), {get("/a") + get("/b")})),
            answer("GET /a") + answer("GET /b"));
}

TEST(HttpServer, TurnsWhatAHandlerThrowsInto500) {
  const auto broken = [](const Request&) -> Response { throw std::runtime_error("broken"); };
  const auto slow = [](const Request&) -> Task<Response> {
    static_cast<void>(co_await sleep_for(0ms));
    throw std::runtime_error("broken");
  };
  Exchange exchange;
  EXPECT_TRUE(exchange(Handler(broken), {get("/")}).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(exchange(AsyncHandler(slow), {get("/")}).starts_with("HTTP/1.1 500 "));
}

// ---- bodies -------------------------------------------------------------------------------------

TEST(HttpServer, NeverTakesABodyForARequest) {
  const std::string smuggled = get("/smuggled");
  const std::string head = "Content-Length: " + std::to_string(smuggled.size()) + "\r\n";
  const std::string answers = answer("GET /a") + answer("GET /b");
  Exchange exchange;
  EXPECT_EQ(without_date(exchange(echo_path, {get("/a", head) + smuggled + get("/b")})), answers);
  EXPECT_EQ(without_date(exchange(echo_path, {get("/a", head), smuggled, get("/b")})), answers);
  EXPECT_EQ(without_date(exchange(echo_path, {get("/a", head) + smuggled.substr(0, 9),
                                              smuggled.substr(9) + get("/b")})),
            answers);
}

TEST(HttpServer, ClosesBehindABodyWhoseEndItDoesNotKnow) {
  Exchange exchange;
  const std::string chunked = get("/a", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n";
  EXPECT_EQ(without_date(exchange(echo_path, {chunked + get("/b")})), answer("GET /a", closes));
  const std::string waiting = get("/a", "Expect: 100-continue\r\nContent-Length: 9\r\n");
  EXPECT_EQ(without_date(exchange(echo_path, {waiting + get("/b")})), answer("GET /a", closes));
}

TEST(HttpServer, RefusesABodyThatIsTooLargeToBeSkipped) {
  Exchange exchange;
  exchange.options.skipped_body = 100;
  const std::string heard =
      exchange(echo_path, {get("/a", "Content-Length: 101\r\n") + std::string(101, 'x')});
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 413 ")) << heard;
  EXPECT_TRUE(heard.contains(closes)) << heard;
}

// ---- what is refused ----------------------------------------------------------------------------

TEST(HttpServer, AnswersAndClosesWhenWhatComesIsNoRequest) {
  Exchange exchange;
  exchange.client_finishes = true;
  const std::string heard =
      without_date(exchange(echo_path, {get("/a") + "nonsense\r\n" + get("/b")}));
  EXPECT_TRUE(heard.starts_with(answer("GET /a"))) << heard;
  EXPECT_TRUE(
      heard.ends_with("Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
                      "Content-Length: 16\r\n\r\n400 Bad Request\n"))
      << heard;
}

// If the server closed with bytes unread, the kernel would reset the connection, and the answer
// could be lost: Exchange fails if it is.
TEST(HttpServer, LetsAClientReadTheRefusalThatIsStillSending) {
  Exchange exchange;
  const std::string heard =
      exchange(echo_path, {"GET /" + std::string(200'000, 'a'), std::string(100'000, 'b')});
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 414 ")) << heard;
}

TEST(HttpServer, SaysSoWhenAHeadTakesTooLong) {
  Exchange exchange;
  exchange.client_finishes = false;
  exchange.options.header_time = 20ms;
  EXPECT_TRUE(exchange(echo_path, {"GET / HT"}).starts_with("HTTP/1.1 408 "));
  // The time is counted from the first byte of the head, not from the last.
  const std::string heard = without_date(exchange(echo_path, {get("/a"), "GET / HT"}));
  EXPECT_TRUE(heard.starts_with(answer("GET /a") + "HTTP/1.1 408 ")) << heard;
}

TEST(HttpServer, ClosesASilentConnectionWithoutAWord) {
  Exchange exchange;
  exchange.client_finishes = false;
  exchange.options.header_time = 20ms;
  exchange.options.idle_time = 20ms;
  EXPECT_EQ(exchange(echo_path, {}), "");
  EXPECT_EQ(without_date(exchange(echo_path, {get("/a")})), answer("GET /a"));
}

// ---- large answers ------------------------------------------------------------------------------

TEST(HttpServer, SendsContentsOfAnySizeWhole) {
  for (const std::size_t size : {0u, 1u, 32767u, 32768u, 32769u, 65536u, 300'000u, 3'000'000u}) {
    const std::string body(size, 'b');
    Exchange exchange;
    const auto handler = [&](const Request&) { return Response::text(body); };
    EXPECT_TRUE(without_date(exchange(handler, {get("/") + get("/")})) ==
                answer(body) + answer(body))
        << size;
  }
}

TEST(HttpServer, DoesWithSmallBuffersWhatFitsThem) {
  Exchange exchange({.buffer_size = 1024});
  std::string requests;
  std::string answers;
  for (int i = 0; i < 100; ++i) {
    requests += get("/" + std::string(200, 'a'));
    answers += answer("GET /" + std::string(200, 'a'));
  }
  EXPECT_EQ(without_date(exchange(echo_path, {requests})), answers);
  const auto far = [](const Request&) {
    Response response = Response::error(Status::moved_permanently);
    response.location = std::string(2000, '/');
    return response;
  };
  EXPECT_EQ(exchange(far, {get("/")}).substr(0, 12), "HTTP/1.1 500");
}

// ---- the end ------------------------------------------------------------------------------------

TEST(HttpServer, FinishesAnAnswerUnderWayWhenItIsCancelled) {
  Exchange exchange;
  std::string heard;
  const std::string body(5'000'000, 'b');
  const TimePoint begin = exchange.loop().now();
  auto listener = TcpListener::bind(exchange.loop(), Address::loopback(0)).value();
  const Address where = listener.local_address().value();
  Loop& loop = exchange.loop();
  Scope serving(loop, OnFailure::carry_on);
  Scope clients(loop);
  const auto handler = [&](const Request&) { return Response::text(body); };
  serving.spawn(serve(std::move(listener), Handler(handler)));
  const auto client = [&]() -> Task<> {
    auto idle = co_await TcpStream::connect(loop, where);
    auto busy = co_await TcpStream::connect(loop, where);
    EXPECT_TRUE(idle && busy);
    const std::string request = get("/");
    EXPECT_TRUE(co_await busy->write_all(as_bytes(request)));
    auto first = co_await busy->read();
    heard += as_text(*first);
    serving.cancel();
    const auto nothing = co_await idle->read();
    EXPECT_TRUE(nothing && nothing->empty()) << "an idle connection was not closed";
    while (auto bytes = co_await busy->read()) {
      if (bytes->empty()) break;
      heard += as_text(*bytes);
    }
    const auto refused = co_await TcpStream::connect(loop, where);
    EXPECT_FALSE(refused.has_value()) << "it still listens";
    static_cast<void>(co_await serving.join());
    loop.stop();
  };
  clients.spawn(client());
  ASSERT_TRUE(loop.run().has_value());
  EXPECT_TRUE(without_date(heard) == answer(body)) << heard.size();
  EXPECT_LT(exchange.loop().now() - begin, 20s) << "it waited for its grace to be over";
}

TEST(HttpServer, CutsWhatIsNotFinishedWithinItsGrace) {
  Exchange exchange;
  exchange.options.grace = 20ms;
  const std::string body(50'000'000, 'b');
  const auto handler = [&](const Request&) { return Response::text(body); };
  exchange.run(Handler(handler), [&](TcpStream& stream) -> Task<> {
    const std::string request = get("/");
    EXPECT_TRUE(co_await stream.write_all(as_bytes(request)));
    EXPECT_TRUE(co_await stream.read());  // And no more, but the connection stays.
    static_cast<void>(co_await stream.read());
  });
}

}  // namespace
}  // namespace tocsin::http
