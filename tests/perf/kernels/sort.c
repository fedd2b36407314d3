// Sorting: quicksort with insertion sort below, and heapsort, over the same numbers.
#include "kernel.h"

#define MAX_ITEMS 65536
static uint32_t items[MAX_ITEMS];

static void insertion_sort(uint32_t* a, int32_t low, int32_t high) {
  for (int32_t i = low + 1; i <= high; ++i) {
    const uint32_t value = a[i];
    int32_t j = i - 1;
    while (j >= low && a[j] > value) {
      a[j + 1] = a[j];
      --j;
    }
    a[j + 1] = value;
  }
}

static void quicksort(uint32_t* a, int32_t low, int32_t high) {
  while (high - low > 12) {
    const uint32_t pivot = a[low + (high - low) / 2];
    int32_t i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) ++i;
      while (a[j] > pivot) --j;
      if (i <= j) {
        const uint32_t t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    if (j - low < high - i) {
      quicksort(a, low, j);
      low = i;
    } else {
      quicksort(a, i, high);
      high = j;
    }
  }
  insertion_sort(a, low, high);
}

static void sift_down(uint32_t* a, uint32_t root, uint32_t count) {
  for (;;) {
    uint32_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && a[child] < a[child + 1]) ++child;
    if (a[root] >= a[child]) return;
    const uint32_t t = a[root];
    a[root] = a[child];
    a[child] = t;
    root = child;
  }
}

static void heapsort(uint32_t* a, uint32_t count) {
  for (uint32_t i = count / 2; i-- > 0;) sift_down(a, i, count);
  for (uint32_t end = count; --end > 0;) {
    const uint32_t t = a[0];
    a[0] = a[end];
    a[end] = t;
    sift_down(a, 0, end);
  }
}

static void fill(uint32_t n, uint64_t seed) {
  for (uint32_t i = 0; i < n; ++i) items[i] = (uint32_t)next_random(&seed);
}

uint64_t kernel(uint32_t n) {
  if (n > MAX_ITEMS) n = MAX_ITEMS;
  uint64_t sum = 0;
  fill(n, 1);
  quicksort(items, 0, (int32_t)n - 1);
  for (uint32_t i = 0; i < n; i += 7) sum = fold(sum, items[i]);
  fill(n, 2);
  heapsort(items, n);
  for (uint32_t i = 0; i < n; i += 7) sum = fold(sum, items[i]);
  return sum;
}
