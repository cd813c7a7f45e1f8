// SPDX-License-Identifier: MIT
#include "tocsin/http/request_parser.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace tocsin::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;
using beast::http::verb;
using State = Parsed::State;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

Method method_of(verb method) {
  switch (method) {
    case verb::get:
      return Method::get;
    case verb::head:
      return Method::head;
    case verb::post:
      return Method::post;
    case verb::put:
      return Method::put;
    case verb::delete_:
      return Method::remove;
    case verb::connect:
      return Method::connect;
    case verb::options:
      return Method::options;
    case verb::trace:
      return Method::trace;
    case verb::patch:
      return Method::patch;
    default:
      return Method::other;
  }
}

// uri-host [ ":" port ] of RFC 3986, as characters: enough to keep anything else out of it.
bool is_host(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    constexpr std::string_view others = "-._~!$&'()*+,;=:[]%";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.contains(c);
  });
}

// Collects one head. Beast calls it with views of the input, in the order of the input.
class Collector final : public beast::http::basic_parser<true> {
 public:
  Collector(std::string_view input, const ParseLimits& limits, Request& request)
      : input_(input), limits_(limits), request_(request) {
    skip(true);  // What follows the head is not Beast's to read.
    header_limit(std::numeric_limits<std::uint32_t>::max());  // The limit is kept by the caller.
    request_ = Request{};
  }

  Status status() const { return status_; }
  std::size_t begin_of_fields() const { return begin_of_fields_; }

 private:
  using Error = beast::error_code;

  void refuse(Error& error, Status status = Status::bad_request) {
    status_ = status;
    error = beast::http::error::bad_value;
  }

  void on_request_impl(verb method, beast::string_view name, beast::string_view target, int version,
                       Error& error) override {
    request_.method = method_of(method);
    request_.method_name = view(name);
    request_.minor_version = version % 10;
    request_.target = view(target);
    // " HTTP/1.x\r\n" follows the target.
    begin_of_fields_ = offset_of(request_.target.data() + request_.target.size()) + 11;
    if (!read_target()) refuse(error);
  }

  bool read_target() {
    std::string_view& target = request_.target;
    if (target.contains('#')) return false;
    if (!target.starts_with('/')) {
      if (request_.method == Method::connect) return true;
      if (request_.method == Method::options && target == "*") return true;
      if (!take_authority_off(target)) return false;
    }
    const std::size_t mark = target.find('?');
    request_.path = target.substr(0, mark);
    if (mark != target.npos) request_.query = target.substr(mark + 1);
    return true;
  }

  // http://host/path, which only a proxy is sent normally, must be understood by everyone.
  static bool take_authority_off(std::string_view& target) {
    const std::size_t scheme = target.find("://");
    if (scheme == target.npos) return false;
    if (!same_letters(target.substr(0, scheme), "http") &&
        !same_letters(target.substr(0, scheme), "https"))
      return false;
    const std::size_t end = target.find_first_of("/?", scheme + 3);
    if (!is_host(target.substr(scheme + 3, end - (scheme + 3))) || end == scheme + 3) return false;
    // There is no '/' to be viewed in http://host or http://host?query.
    if (end == target.npos || target[end] == '?')
      target = "/";
    else
      target.remove_prefix(end);
    return true;
  }

  void on_field_impl(field which, beast::string_view name, beast::string_view value,
                     Error& error) override {
    if (++count_ > limits_.fields) return refuse(error, Status::header_fields_too_large);
    if (is_folded(view(name), view(value))) return refuse(error);
    switch (which) {
      case field::host:
        return on_host(view(value), error);
      case field::content_length:
        return on_content_length(view(value), error);
      case field::transfer_encoding:
        return on_transfer_encoding(view(value), error);
      case field::expect:
        return on_expect(view(value), error);
      case field::range:
        return keep(request_.range, value);
      case field::if_match:
        return keep(request_.conditions.if_match, value);
      case field::if_none_match:
        return keep(request_.conditions.if_none_match, value);
      case field::if_modified_since:
        return keep(request_.conditions.if_modified_since, value);
      case field::if_unmodified_since:
        return keep(request_.conditions.if_unmodified_since, value);
      case field::if_range:
        return keep(request_.conditions.if_range, value);
      default:
        return;
    }
  }

  // The first of several counts: at worst more is sent than had to be.
  static void keep(std::string_view& place, beast::string_view value) {
    if (place.empty()) place = view(value);
  }

  // Beast unfolds: the value then lies in a buffer of its own, or begins on a later line.
  bool is_folded(std::string_view name, std::string_view value) const {
    const char* const end_of_name = name.data() + name.size();
    const char* const end = input_.data() + input_.size();
    if (std::less<>{}(value.data(), end_of_name) || std::less<>{}(end, value.data())) return true;
    return std::string_view(end_of_name, value.data()).contains('\r');
  }

  void on_host(std::string_view value, Error& error) {
    if (has_host_ || !is_host(value)) return refuse(error);
    has_host_ = true;
    request_.host = value;
  }

  void on_content_length(std::string_view value, Error& error) {
    if (has_length_ || has_coding_) return refuse(error);
    has_length_ = true;
    const auto [end, failure] =
        std::from_chars(value.data(), value.data() + value.size(), request_.content_length);
    if (failure != std::errc{} || end != value.data() + value.size()) refuse(error);
  }

  void on_transfer_encoding(std::string_view value, Error& error) {
    if (has_length_ || has_coding_ || request_.minor_version == 0) return refuse(error);
    has_coding_ = true;
    if (!same_letters(value, "chunked")) return refuse(error, Status::unknown_method);
    request_.chunked = true;
  }

  void on_expect(std::string_view value, Error& error) {
    if (!same_letters(value, "100-continue")) return refuse(error, Status::expectation_failed);
    // HTTP/1.0 has no 100: there the field is to be ignored (RFC 9110, 10.1.1).
    request_.expects_continue = request_.minor_version == 1;
  }

  void on_header_impl(Error& error) override {
    if (request_.minor_version == 1 && !has_host_) return refuse(error);
    request_.keep_alive = keep_alive();
  }

  std::size_t offset_of(const char* place) const {
    return static_cast<std::size_t>(place - input_.data());
  }

  // Bodies are not read here.
  void on_response_impl(int, beast::string_view, int, Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(beast::string_view, Error&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, Error&) override { return 0; }
  void on_finish_impl(Error&) override {}

  std::string_view input_;
  const ParseLimits& limits_;
  Request& request_;
  Status status_ = Status::bad_request;
  std::size_t begin_of_fields_ = 0;
  std::size_t count_ = 0;  // Of field lines.
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
};

// Beast has one error for "HTTP/2.0" and for "HTTP/1.1" before a lone LF; only the first is 505.
Status status_of_bad_version(std::string_view input) {
  const std::string_view line = input.substr(0, input.find("\r\n"));
  const std::string_view version = line.substr(line.rfind(' ') + 1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") &&
                           digit(version[5]) && version[6] == '.' && digit(version[7]);
  const bool known = version.ends_with("1.0") || version.ends_with("1.1");
  return well_formed && !known ? Status::version_not_supported : Status::bad_request;
}

Parsed refused(Status status) { return {.state = State::refused, .status = status}; }

}  // namespace

Parsed parse_request(std::string_view bytes, const ParseLimits& limits, Request& request) {
  const std::string_view allowed = bytes.substr(0, limits.head_bytes);
  std::size_t begin = 0;
  while (allowed.substr(begin).starts_with("\r\n")) begin += 2;
  const std::string_view input = allowed.substr(begin);

  Collector collector(input, limits, request);
  beast::error_code error;
  const std::size_t size = collector.put({input.data(), input.size()}, error);
  if (!error) {
    const std::size_t fields = collector.begin_of_fields();
    request.fields = input.substr(fields, size - fields - 2);
    return {.state = State::complete, .size = begin + size};
  }
  const bool bad_version = error == beast::http::error::bad_version;
  // What is wrong with a version can be said when its line is there.
  if (error == beast::http::error::need_more || input == "\r" ||
      (bad_version && !input.contains('\n'))) {
    if (bytes.size() < limits.head_bytes) return {.state = State::incomplete};
    return refused(input.contains("\r\n") ? Status::header_fields_too_large : Status::uri_too_long);
  }
  return refused(bad_version ? status_of_bad_version(input) : collector.status());
}

}  // namespace tocsin::http
