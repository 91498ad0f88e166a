// Which items an optimiser step sees: a fresh permutation per epoch, named by (seed, epoch), so
// that any step can be looked up without having run the ones before it. An incomplete last batch of
// an epoch is dropped.
#pragma once

#include "trainer/data/Random.h"

#include <cassert>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace disco::trainer {

class DataOrder {
public:
  DataOrder(size_t items, size_t batch, uint64_t seed) : items_(items), batch_(batch), seed_(seed) {
    assert(batch > 0 && batch <= items);
  }
  size_t stepsPerEpoch() const { return items_ / batch_; }

  /// Items of a step, counted from 0 over all epochs. Valid until the next call.
  std::span<const size_t> step(size_t index) {
    size_t epoch = index / stepsPerEpoch();
    if (order_.empty() || epoch != epoch_) {
      order_.resize(items_);
      std::iota(order_.begin(), order_.end(), size_t{0});
      data::Random(seed_, "order", epoch).shuffle(std::span(order_));
      epoch_ = epoch;
    }
    return std::span(order_).subspan(index % stepsPerEpoch() * batch_, batch_);
  }

private:
  size_t items_, batch_;
  uint64_t seed_;
  size_t epoch_ = 0;
  std::vector<size_t> order_;
};

} // namespace disco::trainer
