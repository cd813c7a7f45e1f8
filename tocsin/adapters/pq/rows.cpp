// SPDX-License-Identifier: MIT
#include "tocsin/adapters/pq/rows.hpp"

#include <libpq-fe.h>

#include <charconv>

#include "tocsin/base/check.hpp"

namespace tocsin::pq {

std::size_t Row::size() const { return static_cast<std::size_t>(PQnfields(result_)); }

std::optional<std::string_view> Row::operator[](std::size_t column) const {
  CHECK(column < size(), "the row has no such column");
  const int row = static_cast<int>(index_);
  const int field = static_cast<int>(column);
  if (PQgetisnull(result_, row, field) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(result_, row, field),
                          static_cast<std::size_t>(PQgetlength(result_, row, field)));
}

// What libpq does with a null pointer is right for all that follow: nothing, or 0.
void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }

std::size_t Rows::size() const { return static_cast<std::size_t>(PQntuples(native())); }

Row Rows::operator[](std::size_t row) const {
  CHECK(row < size(), "there is no such row");
  return {native(), row};
}

std::size_t Rows::columns() const { return static_cast<std::size_t>(PQnfields(native())); }

std::string_view Rows::column_name(std::size_t column) const {
  CHECK(column < columns(), "there is no such column");
  return PQfname(native(), static_cast<int>(column));
}

// (PQfnumber takes a name for SQL: it would make it lower case.)
std::optional<std::size_t> Rows::column(std::string_view name) const {
  for (std::size_t i = 0; i < columns(); ++i)
    if (column_name(i) == name) return i;
  return std::nullopt;
}

std::uint64_t Rows::affected() const {
  std::uint64_t count = 0;
  if (!result_) return count;
  const std::string_view text = PQcmdTuples(result_.get());
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

}  // namespace tocsin::pq
