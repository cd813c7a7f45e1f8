// SPDX-License-Identifier: MIT
//
// Method: tables of heads with what must come out of them, each parsed at every length of its
// prefix, too, since a network delivers in any pieces; then seeded damage to good heads, of which
// the answer must be the same in every split and must never be a head that breaks a rule.
#include "tocsin/http/request_parser.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"

namespace tocsin::http {
namespace {

using namespace std::string_view_literals;
using State = Parsed::State;

constexpr ParseLimits limits{};

// What the pieces give in the end: the first answer that is not "more".
Parsed parse_in_pieces(std::string_view bytes, std::size_t piece, Request& request) {
  Parsed parsed{.state = State::incomplete};
  for (std::size_t length = piece; parsed.state == State::incomplete; length += piece) {
    parsed = parse_request(bytes.substr(0, length), limits, request);
    if (length >= bytes.size()) break;
  }
  return parsed;
}

void expect_refused(std::string_view bytes, Status status) {
  Request request;
  for (const std::size_t piece : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
    const Parsed parsed = parse_in_pieces(bytes, piece, request);
    EXPECT_EQ(parsed.state, State::refused) << bytes << "in pieces of " << piece;
    EXPECT_EQ(parsed.status, status) << bytes << "in pieces of " << piece;
  }
}

Request expect_complete(std::string_view bytes) {
  Request request;
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_EQ(parse_request(bytes.substr(0, length), limits, request).state, State::incomplete)
        << bytes << "cut at " << length;
  const Parsed parsed = parse_request(bytes, limits, request);
  EXPECT_EQ(parsed.state, State::complete) << bytes;
  EXPECT_EQ(parsed.size, bytes.size()) << bytes;
  return request;
}

TEST(RequestParser, GivesViewsOfWhatWasSent) {
  const Request request = expect_complete(
      "GET /a%20b?c=d HTTP/1.1\r\nhost: example.org:8080\r\nRANGE:bytes=0-1 \r\n"
      "If-None-Match: \"x\"\r\nIf-Modified-Since: never\r\nIf-Range: \"y\"\r\nX-Own:\tq "
      "r\t\r\n\r\n");
  EXPECT_EQ(request.method, Method::get);
  EXPECT_EQ(request.method_name, "GET");
  EXPECT_EQ(request.target, "/a%20b?c=d");
  EXPECT_EQ(request.path, "/a%20b");
  EXPECT_EQ(request.query, "c=d");
  EXPECT_EQ(request.host, "example.org:8080");
  EXPECT_EQ(request.range, "bytes=0-1");
  EXPECT_EQ(request.conditions.if_none_match, "\"x\"");
  EXPECT_EQ(request.conditions.if_modified_since, "never");
  EXPECT_EQ(request.conditions.if_range, "\"y\"");
  EXPECT_EQ(request.field("x-oWN"), "q r");
  EXPECT_EQ(request.field("Host"), "example.org:8080");
  EXPECT_EQ(request.field("X-Ow"), std::nullopt);
  EXPECT_TRUE(request.keep_alive);
  EXPECT_FALSE(request.has_body());
}

TEST(RequestParser, StopsAtTheEndOfTheHeadWhateverFollows) {
  constexpr std::string_view head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  Request request;
  const Parsed parsed =
      parse_request(std::string(head) + "GET /second HTTP/1.1\r\n", limits, request);
  EXPECT_EQ(parsed.state, State::complete);
  EXPECT_EQ(parsed.size, head.size());
}

TEST(RequestParser, SkipsEmptyLinesBeforeTheRequestLine) {
  expect_complete("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

TEST(RequestParser, TakesTheAuthorityOffAnAbsoluteTarget) {
  const struct {
    std::string_view target;
    std::string_view path;
  } cases[] = {
      {"http://example.org/a?b", "/a"}, {"HTTP://example.org:80/", "/"},
      {"https://[::1]:8080/x", "/x"},   {"http://example.org", "/"},
      {"http://example.org?q", "/"},    {"http://example.org//evil", "//evil"},
  };
  for (const auto& c : cases) {
    const std::string head = "GET " + std::string(c.target) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    EXPECT_EQ(expect_complete(head).path, c.path) << c.target;
  }
}

TEST(RequestParser, KnowsWhoWantsToStay) {
  const struct {
    std::string_view version_and_fields;
    bool keep_alive;
  } cases[] = {
      {"1.1\r\nHost: x\r\n", true},
      {"1.1\r\nHost: x\r\nConnection: close\r\n", false},
      {"1.1\r\nHost: x\r\nConnection: x, CLOSE\r\n", false},
      {"1.0\r\n", false},
      {"1.0\r\nConnection: keep-alive\r\n", true},
      {"1.0\r\nConnection: Keep-Alive, x\r\n", true},
  };
  for (const auto& c : cases)
    EXPECT_EQ(
        expect_complete("GET / HTTP/" + std::string(c.version_and_fields) + "\r\n").keep_alive,
        c.keep_alive)
        << c.version_and_fields;
}

TEST(RequestParser, DescribesTheBodyThatFollows) {
  EXPECT_EQ(
      expect_complete("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 42\r\n\r\n").content_length,
      42u);
  EXPECT_TRUE(
      expect_complete("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n").chunked);
  EXPECT_TRUE(expect_complete("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n")
                  .expects_continue);
  EXPECT_FALSE(expect_complete("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
}

TEST(RequestParser, RefusesRequestLinesThatAreNone) {
  const struct {
    std::string_view line;
    Status status;
  } cases[] = {
      {"GET / HTTP/2.0\r\n", Status::version_not_supported},
      {"GET / HTTP/0.9\r\n", Status::version_not_supported},
      {"GET / HTTP/1.2\r\n", Status::version_not_supported},
      {"PRI * HTTP/2.0\r\n", Status::version_not_supported},
      {"GET / HTTP/1.10\r\n", Status::bad_request},
      {"GET / http/1.1\r\n", Status::bad_request},
      {"GET / HTTP/1.1 \r\n", Status::bad_request},
      {"GET / HTTP/1.1\n", Status::bad_request},
      {"GET / HTTP/1.1\rX", Status::bad_request},
      {"GET /\r\n", Status::bad_request},
      {"GET\r\n", Status::bad_request},
      {"GET  / HTTP/1.1\r\n", Status::bad_request},
      {"GET /  HTTP/1.1\r\n", Status::bad_request},
      {" GET / HTTP/1.1\r\n", Status::bad_request},
      {"G@T / HTTP/1.1\r\n", Status::bad_request},
      {"GET\t/ HTTP/1.1\r\n", Status::bad_request},
      {"GET /\0 HTTP/1.1\r\n"sv, Status::bad_request},
      {"GET /\x7f HTTP/1.1\r\n", Status::bad_request},
      {"GET /a#b HTTP/1.1\r\n", Status::bad_request},
      {"GET a HTTP/1.1\r\n", Status::bad_request},
      {"GET * HTTP/1.1\r\n", Status::bad_request},
      {"GET ../etc/passwd HTTP/1.1\r\n", Status::bad_request},
      {"GET example.org:80 HTTP/1.1\r\n", Status::bad_request},
      {"GET file:///etc/passwd HTTP/1.1\r\n", Status::bad_request},
      {"GET http:/// HTTP/1.1\r\n", Status::bad_request},
      {"GET http://a@b\"/ HTTP/1.1\r\n", Status::bad_request},
      {"\x16\x03\x01\x02 HTTP/1.1\r\n", Status::bad_request},  // The beginning of TLS.
  };
  for (const auto& c : cases) expect_refused(std::string(c.line) + "Host: x\r\n\r\n", c.status);
}

// Two readers that disagree about one of these would see different requests.
TEST(RequestParser, RefusesWhatCouldBeReadTwoWays) {
  for (const std::string_view fields : {
           "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"sv,
           "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"sv,
           "Content-Length: 1\r\nContent-Length: 2\r\n"sv,
           "Content-Length: 1\r\nContent-Length: 1\r\n"sv,
           "Content-Length: 1, 1\r\n"sv,
           "Content-Length: +1\r\n"sv,
           "Content-Length: -1\r\n"sv,
           "Content-Length: 0x1\r\n"sv,
           "Content-Length: 1 1\r\n"sv,
           "Content-Length:\r\n"sv,
           "Content-Length: 99999999999999999999\r\n"sv,
           "Content-Length : 1\r\n"sv,
           "Transfer-Encoding : chunked\r\n"sv,
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"sv,
           "Transfer-Encoding: \x0b"
           "chunked\r\n"sv,
           "X: a\r\n b\r\n"sv,
           "X:\r\n b\r\n"sv,
           "X: a\r\n \r\n"sv,
           "X:\r\n\t\r\n"sv,
           " X: a\r\n"sv,
           "X: a\n"sv,
           "X: a\nContent-Length: 1\r\n"sv,
           "X: a\rb\r\n"sv,
           "X: a\0b\r\n"sv,
           "X\0: a\r\n"sv,
           "X: \x7f\r\n"sv,
           "X\r\n"sv,
           ": a\r\n"sv,
           "X Y: a\r\n"sv,
           "Host: y\r\n"sv,
       })
    expect_refused("GET / HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n",
                   Status::bad_request);
  expect_refused("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Status::bad_request);
}

TEST(RequestParser, RefusesCodingsAndExpectationsItDoesNotKnow) {
  for (const std::string_view coding :
       {"gzip, chunked", "xchunked", "chunked, identity", "\"chunked\""})
    expect_refused(
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + std::string(coding) + "\r\n\r\n",
        Status::unknown_method);
  expect_refused("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", Status::expectation_failed);
}

TEST(RequestParser, WantsOneHostInHttp11) {
  expect_refused("GET / HTTP/1.1\r\n\r\n", Status::bad_request);
  expect_refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Status::bad_request);
  expect_refused("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Status::bad_request);
  expect_refused("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", Status::bad_request);
  expect_complete("GET / HTTP/1.1\r\nHost:\r\n\r\n");  // Empty is valid (RFC 9112, 3.2).
  expect_complete("GET / HTTP/1.0\r\n\r\n");
}

TEST(RequestParser, KeepsItsLimits) {
  Request request;
  const auto status_of = [&](const std::string& bytes) {
    const Parsed parsed = parse_request(bytes, limits, request);
    EXPECT_EQ(parsed.state, State::refused);
    return parsed.status;
  };
  const std::string start = "GET / HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(status_of("GET /" + std::string(limits.head_bytes, 'a')), Status::uri_too_long);
  EXPECT_EQ(status_of(start + "X: " + std::string(limits.head_bytes, 'a')),
            Status::header_fields_too_large);

  std::string many = start;
  for (std::size_t i = 1; i < limits.fields; ++i) many += "X: a\r\n";
  EXPECT_EQ(parse_request(many + "\r\n", limits, request).state, State::complete);
  EXPECT_EQ(status_of(many + "X: a\r\n\r\n"), Status::header_fields_too_large);

  // The largest head that is let through, and one byte more.
  const std::size_t left = limits.head_bytes - start.size() - "X: \r\n\r\n"sv.size();
  EXPECT_EQ(
      parse_request(start + "X: " + std::string(left, 'a') + "\r\n\r\n", limits, request).state,
      State::complete);
  EXPECT_EQ(status_of(start + "X: " + std::string(left + 1, 'a') + "\r\n\r\n"),
            Status::header_fields_too_large);
}

// ---- seeded damage ------------------------------------------------------------------------------

std::string damage(std::string_view head, Prng& prng) {
  constexpr std::string_view alphabet = "\r\n \t:/.%\0#,\"x1\x7f\x80"sv;
  std::string bytes(head);
  for (auto count = 1 + prng.below(3); count > 0 && !bytes.empty(); --count) {
    const std::size_t at = prng.below(bytes.size());
    const char c = alphabet[prng.below(alphabet.size())];
    if (prng.chance(1, 3)) {
      bytes.erase(at, 1 + prng.below(3));
    } else if (prng.chance(1, 2)) {
      bytes.insert(at, 1, c);
    } else {
      bytes[at] = c;
    }
  }
  return bytes;
}

void expect_rules_kept(const Request& request, std::string_view bytes) {
  EXPECT_FALSE(request.target.contains('#')) << bytes;
  EXPECT_FALSE(request.chunked && request.content_length > 0) << bytes;
  EXPECT_FALSE(request.fields.contains('\0')) << bytes;
  EXPECT_FALSE(request.fields.contains("\r\n ") || request.fields.contains("\r\n\t")) << bytes;
  EXPECT_TRUE(request.fields.empty() || request.fields.ends_with("\r\n")) << bytes;
  for (std::size_t at = 0; (at = request.fields.find('\n', at)) != std::string_view::npos; ++at)
    EXPECT_TRUE(at > 0 && request.fields[at - 1] == '\r') << bytes;
  if (request.minor_version == 1) {
    EXPECT_TRUE(request.field("host").has_value()) << bytes;
  }
}

TEST(RequestParser, AnswersTheSameForDamagedHeadsInEverySplit) {
  constexpr std::string_view heads[] = {
      "GET /a?b HTTP/1.1\r\nHost: x\r\nX: a b\r\n\r\n",
      "POST http://x/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\nRange: bytes=0-1\r\n\r\n",
      "\r\nPUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"};
  int complete = 0;
  int refused = 0;
  Prng prng(9112);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = damage(heads[prng.below(std::size(heads))], prng);
    Request request;
    const Parsed whole = parse_request(bytes, limits, request);
    complete += whole.state == State::complete;
    refused += whole.state == State::refused;
    if (whole.state == State::complete) expect_rules_kept(request, bytes);
    for (const std::size_t piece : {std::size_t{1}, 2 + prng.below(9)}) {
      const Parsed parsed = parse_in_pieces(bytes, piece, request);
      ASSERT_EQ(parsed.state, whole.state) << bytes << "in pieces of " << piece;
      ASSERT_EQ(parsed.size, whole.size) << bytes << "in pieces of " << piece;
      ASSERT_EQ(parsed.status, whole.status) << bytes << "in pieces of " << piece;
    }
  }
  EXPECT_GT(complete, 500);
  EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace tocsin::http
