// SPDX-License-Identifier: MIT
#include "tocsin/http/static_files.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "tocsin/http/mime.hpp"
#include "tocsin/http/path.hpp"

namespace tocsin::http {
namespace {

// Up to that size a file is kept in memory while it is hot; beyond, sendfile(2) is cheaper.
constexpr std::uint64_t most_kept = 64 * 1024;

constexpr std::size_t most_path = 4096;  // PATH_MAX of limits(5).

// What a store that has no times writes: the epoch, or the second after it (Nix).
constexpr std::int64_t no_time = 1;

std::string hexadecimal(std::uint64_t number) {
  std::array<char, 16> room;
  const auto end = std::to_chars(room.data(), room.data() + room.size(), number, 16).ptr;
  return {room.data(), end};
}

// Which file, which length, which instant: to the nanosecond, so that what is written twice within
// a second differs, and with the inode, so that what replaces a file of equal times differs.
std::string tag_of(const FileFacts& facts) {
  return '"' + hexadecimal(facts.inode) + '-' + hexadecimal(facts.size) + '-' +
         hexadecimal(static_cast<std::uint64_t>(facts.modified_seconds)) + '.' +
         hexadecimal(facts.modified_nanoseconds) + '"';
}

// What to say of a file that could not be opened.
Status status_of(Errno error) {
  switch (error.value()) {
    case EACCES:
    case EPERM:
      return Status::forbidden;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return Status::unavailable;
    case EIO:
      return Status::internal_error;
    // ENOENT, ENOTDIR, ENAMETOOLONG, and what the folder keeps away from strangers: EXDEV (out of
    // it), ELOOP (a symbolic link), ENXIO (a socket, a FIFO).
    default:
      return Status::not_found;
  }
}

void describe(ServedFile& file, const FileFacts& facts, std::string_view path) {
  file.tag = tag_of(facts);
  file.fields = "Content-Type: ";
  file.fields += media_type(path);
  file.fields += "\r\n";
  file.type_length = file.fields.size();
  if (facts.modified_seconds > no_time) {
    file.modified = facts.modified_seconds;
    const DateText date = format_date(facts.modified_seconds);
    file.fields += "Last-Modified: ";
    file.fields.append(date.data(), date.size());
    file.fields += "\r\n";
  }
  file.fields += "ETag: " + file.tag + "\r\nAccept-Ranges: bytes\r\n";
}

Response redirect_to_folder(const Request& request, std::string_view clean) {
  Response response = Response::error(Status::moved_permanently);
  response.location = encode_path(clean) + '/';
  if (!request.query.empty()) response.location += '?' + std::string(request.query);
  return response;
}

Response refuse_method(Method method) {
  if (method == Method::other) return Response::error(Status::unknown_method);
  Response response = Response::error(Status::method_not_allowed);
  response.fields = "Content-Type: text/plain; charset=utf-8\r\nAllow: GET, HEAD\r\n";
  return response;
}

}  // namespace

StaticFiles::StaticFiles(Executor& executor, Directory directory)
    : directory_(std::move(directory)), cache_(std::make_unique<FileCache>(executor)) {}

Response StaticFiles::operator()(const Request& request) {
  if (request.method != Method::get && request.method != Method::head)
    return refuse_method(request.method);
  // Found under the path as it was sent: that it names this file does not change.
  if (auto file = cache_->find(request.path)) return answer(request, std::move(file));

  std::array<char, most_path> room;
  const CleanPath clean = clean_path(request.path, room);
  if (clean.verdict == PathVerdict::malformed) return Response::error(Status::bad_request);
  if (clean.verdict == PathVerdict::too_long) return Response::error(Status::uri_too_long);
  if (clean.verdict == PathVerdict::hidden) return Response::error(Status::not_found);
  Loaded loaded = load(clean.path);
  if (loaded.status == Status::moved_permanently) return redirect_to_folder(request, clean.path);
  if (loaded.status != Status::ok) return Response::error(loaded.status);
  cache_->keep(request.path, loaded.file);
  return answer(request, std::move(loaded.file));
}

StaticFiles::Loaded StaticFiles::load(std::string_view clean) const {
  std::string path(clean.substr(1));
  if (path.empty() || path.ends_with('/')) path += "index.html";
  auto fd = directory_.open_below(path.c_str());
  if (!fd) return {status_of(fd.error())};
  const auto facts = directory_.facts_of(*fd);
  if (!facts) return {status_of(facts.error())};
  if (facts->is_directory && !clean.ends_with('/')) return {Status::moved_permanently};
  if (!facts->is_regular) return {Status::not_found};

  auto file = std::make_shared<ServedFile>();
  describe(*file, *facts, path);
  file->size = facts->size;
  if (facts->size > most_kept) {
    file->fd = std::move(*fd);
  } else {
    file->content.resize(facts->size);
    const auto count = directory_.read(*fd, std::as_writable_bytes(std::span<char>(file->content)));
    if (!count) return {status_of(count.error())};
    file->content.resize(*count);  // It may have been cut since its facts were asked for.
    file->size = *count;
  }
  return {Status::ok, std::move(file)};
}

Response StaticFiles::answer(const Request& request, std::shared_ptr<const ServedFile> file) const {
  Response response{.fields = file->fields};
  if (request.conditions.any()) {
    const Verdict verdict = evaluate(request.conditions, file->validators());
    if (verdict == Verdict::failed) return Response::error(Status::precondition_failed);
    if (verdict == Verdict::not_modified) {
      response.status = Status::not_modified;
      response.fields.remove_prefix(file->type_length);
      response.owner = std::move(file);
      return response;
    }
  }

  std::uint64_t offset = 0;
  std::uint64_t length = file->size;
  if (!request.range.empty() && request.method == Method::get &&
      range_applies(request.conditions.if_range, file->validators())) {
    const RangeChoice choice = select_range(request.range, file->size);
    if (choice.verdict == RangeVerdict::unsatisfiable) {
      response = Response::error(Status::range_not_satisfiable);
      response.range = ContentRange{.first = std::nullopt, .total = file->size};
      return response;
    }
    if (choice.verdict == RangeVerdict::part) {
      const ByteRange& part = choice.range;
      offset = part.first;
      length = part.last - part.first + 1;
      response.status = Status::partial_content;
      response.range = ContentRange{part.first, part.last, file->size};
    }
  }
  if (file->fd) {
    response.file = {file->fd.get(), offset, length};
  } else {
    response.content = std::string_view(file->content).substr(offset, length);
  }
  response.owner = std::move(file);
  return response;
}

}  // namespace tocsin::http
