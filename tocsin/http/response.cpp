// SPDX-License-Identifier: MIT
#include "tocsin/http/response.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin::http {
namespace {

constexpr std::string_view text_fields = "Content-Type: text/plain; charset=utf-8\r\n";

// Writes text to a place that is known to be large enough.
class Line {
 public:
  explicit Line(char* place) : place_(place) {}
  Line& operator<<(std::string_view text) {
    place_ = std::copy(text.begin(), text.end(), place_);
    return *this;
  }
  Line& operator<<(std::uint64_t number) {
    place_ = std::to_chars(place_, place_ + 20, number).ptr;
    return *this;
  }
  const char* end() const { return place_; }

 private:
  char* place_;
};

void write_content_range(Line& line, const ContentRange& range) {
  line << "Content-Range: bytes ";
  if (range.first) {
    line << *range.first << "-" << range.last;
  } else {
    line << "*";
  }
  line << "/" << range.total << "\r\n";
}

}  // namespace

Response Response::text(std::string body, Status status) {
  auto owned = std::make_shared<const std::string>(std::move(body));
  Response response{.status = status, .fields = text_fields, .content = *owned};
  response.owner = std::move(owned);
  return response;
}

Response Response::lasting(std::string_view body, std::string_view fields) {
  return {.fields = fields, .content = body};
}

Response Response::error(Status status) {
  std::string body = std::to_string(std::to_underlying(status)) + ' ';
  body += reason_of(status);
  body += '\n';
  return text(std::move(body), status);
}

std::size_t append_head(const Response& response, const HeadContext& context, MutableBytes room) {
  CHECK(response.fields.size() <= Response::most_fields, "a response has more fields than allowed");
  CHECK(room.size() >= response.fields.size() + response.location.size() + most_head_overhead,
        "the head of a response was given too little room");
  char* const begin = reinterpret_cast<char*>(room.data());
  Line line(begin);
  if (response.status == Status::ok) {
    line << "HTTP/1.1 200 OK\r\nDate: ";
  } else {
    line << "HTTP/1.1 " << std::uint64_t{std::to_underlying(response.status)} << " "
         << reason_of(response.status) << "\r\nDate: ";
  }
  line << std::string_view(context.date.data(), context.date.size()) << "\r\n";
  if (!context.keep_alive) {
    line << "Connection: close\r\n";
  } else if (context.is_http10) {
    line << "Connection: keep-alive\r\n";
  }
  line << response.fields;
  if (!response.location.empty()) line << "Location: " << response.location << "\r\n";
  if (response.range) write_content_range(line, *response.range);
  // Of a 304 it would have to be the length of what is not sent; leaving it out is allowed
  // (RFC 9110, 15.4.5) and cannot be misread.
  if (!is_bodiless(response.status)) line << "Content-Length: " << response.length() << "\r\n";
  line << "\r\n";
  return static_cast<std::size_t>(line.end() - begin);
}

}  // namespace tocsin::http
