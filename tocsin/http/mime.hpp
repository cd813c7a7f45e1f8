// SPDX-License-Identifier: MIT
//
// The media type of a file, by the end of its name.
//
//     "/a/b.HTML" ──> [ media_type ] ──> "text/html; charset=utf-8" ──> Content-Type
//
// A table that is compiled in: the same file has the same type on every machine, whatever its
// /etc/mime.types says. Text is declared to be UTF-8, because what a browser guesses otherwise
// depends on its language.
//
// Thread rule: any thread.
#pragma once

#include <string_view>

namespace tocsin::http {

/// What follows the last dot of the last name in `path` decides, in either case of letters;
/// "application/octet-stream" if it says nothing. The answer has static storage.
std::string_view media_type(std::string_view path);

}  // namespace tocsin::http
