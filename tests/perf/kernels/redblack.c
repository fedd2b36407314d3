// A red-black tree with parent links: insertions with rotations, and lookups.
#include "kernel.h"

#define MAX_NODES 32768
struct node {
  uint32_t key;
  uint32_t count;
  struct node *left, *right, *parent;
  int red;
};
static struct node nodes[MAX_NODES];
static struct node* root;
static uint32_t used;

static void rotate(struct node* x, int to_left) {
  struct node* y = to_left ? x->right : x->left;
  struct node* middle = to_left ? y->left : y->right;
  if (to_left) {
    x->right = middle;
    y->left = x;
  } else {
    x->left = middle;
    y->right = x;
  }
  if (middle) middle->parent = x;
  y->parent = x->parent;
  if (!x->parent) {
    root = y;
  } else if (x == x->parent->left) {
    x->parent->left = y;
  } else {
    x->parent->right = y;
  }
  x->parent = y;
}

static void rebalance(struct node* z) {
  while (z->parent && z->parent->red) {
    struct node* parent = z->parent;
    struct node* grand = parent->parent;
    const int left = parent == grand->left;
    struct node* uncle = left ? grand->right : grand->left;
    if (uncle && uncle->red) {
      parent->red = uncle->red = 0;
      grand->red = 1;
      z = grand;
      continue;
    }
    if (z == (left ? parent->right : parent->left)) {
      rotate(parent, left);
      z = parent;
      parent = z->parent;
    }
    parent->red = 0;
    grand->red = 1;
    rotate(grand, !left);
  }
  root->red = 0;
}

static void insert(uint32_t key) {
  struct node* parent = 0;
  struct node** link = &root;
  while (*link) {
    parent = *link;
    if (key == parent->key) {
      ++parent->count;
      return;
    }
    link = key < parent->key ? &parent->left : &parent->right;
  }
  if (used == MAX_NODES) return;
  struct node* z = &nodes[used++];
  *z = (struct node){key, 1, 0, 0, parent, 1};
  *link = z;
  rebalance(z);
}

static uint32_t depth_of(uint32_t key) {
  uint32_t depth = 0;
  for (struct node* at = root; at && at->key != key; at = key < at->key ? at->left : at->right)
    ++depth;
  return depth;
}

uint64_t kernel(uint32_t n) {
  uint64_t random = 31, sum = 0;
  root = 0;
  used = 0;
  for (uint32_t i = 0; i < n; ++i) insert((uint32_t)(next_random(&random) >> 44));
  random = 31;
  for (uint32_t i = 0; i < n; ++i)
    sum = fold(sum, depth_of((uint32_t)(next_random(&random) >> 44) ^ (i & 1)));
  return fold(sum, used);
}
