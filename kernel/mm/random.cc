#include "nacre/kernel/mm/random.hh"

#include <bit>
#include <cstring>
#include <utility>

namespace nacre::mm {

namespace {

void quarter_round(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d) {
  a += b;
  d = std::rotl(d ^ a, 16);
  c += d;
  b = std::rotl(b ^ c, 12);
  a += b;
  d = std::rotl(d ^ a, 8);
  c += d;
  b = std::rotl(b ^ c, 7);
}

}  // namespace

std::array<uint32_t, 16> ChaChaRandom::block(const std::array<uint32_t, 8>& key,
                                             const std::array<uint32_t, 4>& tail) noexcept {
  std::array<uint32_t, 16> start{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  for (size_t i = 0; i < 8; ++i) start[4 + i] = key[i];
  for (size_t i = 0; i < 4; ++i) start[12 + i] = tail[i];
  std::array<uint32_t, 16> x = start;
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < 4; ++i) quarter_round(x[i], x[4 + i], x[8 + i], x[12 + i]);
    for (size_t i = 0; i < 4; ++i) {
      quarter_round(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
    }
  }
  for (size_t i = 0; i < 16; ++i) x[i] += start[i];
  return x;
}

void ChaChaRandom::refill() noexcept {
  const auto low = static_cast<uint32_t>(counter_);
  const auto high = static_cast<uint32_t>(counter_ >> 32);
  ++counter_;
  const std::array<uint32_t, 16> words = block(key_, {low, high, 0, 0});
  std::memcpy(key_.data(), words.data(), sizeof key_);
  std::memcpy(output_.data(), words.data() + 8, sizeof output_);
  left_ = static_cast<unsigned>(output_.size());
}

void ChaChaRandom::mix(std::span<const uint8_t> seed) noexcept {
  while (!seed.empty()) {
    std::array<uint8_t, sizeof key_> bytes{};
    const size_t count = seed.size() < bytes.size() ? seed.size() : bytes.size();
    std::memcpy(bytes.data(), seed.data(), count);
    seed = seed.subspan(count);
    for (size_t i = 0; i < key_.size(); ++i) {
      uint32_t word = 0;
      std::memcpy(&word, bytes.data() + 4 * i, sizeof word);
      key_[i] ^= word;
    }
    refill();
  }
  left_ = 0;
}

uint64_t ChaChaRandom::next() noexcept {
  if (left_ == 0) refill();
  return std::exchange(output_[--left_], 0);
}

void ChaChaRandom::fill(std::span<uint8_t> out) noexcept {
  while (!out.empty()) {
    const uint64_t word = next();
    const size_t count = out.size() < sizeof word ? out.size() : sizeof word;
    std::memcpy(out.data(), &word, count);
    out = out.subspan(count);
  }
}

}  // namespace nacre::mm
