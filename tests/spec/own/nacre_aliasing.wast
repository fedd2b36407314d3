;; Locals that change while older values of them lie on the stack, and stacks and locals beyond what registers hold: what a
;; compiler that leaves local.get without code must get right.

(module
  (func (export "get set") (param i32) (result i32)
    (i32.sub (local.get 0) (block (result i32) (local.set 0 (i32.const 5)) (local.get 0))))
  (func (export "get tee") (param i32) (result i32)
    (i32.sub (local.get 0) (local.tee 0 (i32.const 3))))
  (func (export "swap") (param i32 i32) (result i32 i32)
    local.get 0 local.get 1 local.set 0 local.set 1
    local.get 0 local.get 1)
  (func (export "rotate") (param i64 i64 i64) (result i64 i64 i64)
    local.get 0 local.get 1 local.get 2 local.set 1 local.set 0 local.set 2
    local.get 0 local.get 1 local.get 2)
  (func (export "swap floats") (param f64 f64) (result f64 f64)
    local.get 0 local.get 1 local.set 0 local.set 1
    local.get 0 local.get 1)
  ;; The loop's parameters are permuted on every way round.
  (func (export "loop swap") (param i32) (result i32 i32)
    i32.const 1 i32.const 2
    (loop (param i32 i32) (result i32 i32)
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      call $swap
      (br_if 0 (local.get 0))))
  (func $swap (param i32 i32) (result i32 i32) local.get 1 local.get 0)
  ;; The same without a call, through locals.
  (func (export "loop swap locals") (param i32) (result i32 i32)
    (local i32 i32)
    i32.const 1 i32.const 2
    (loop (param i32 i32) (result i32 i32)
      local.set 1 local.set 2
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      local.get 1 local.get 2
      (br_if 0 (local.get 0))))
  ;; A local read on the stack across a loop that changes it.
  (func (export "across loop") (param i32) (result i32)
    local.get 0
    (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)))
    local.get 0
    i32.sub)
  ;; ... and across the two arms of an if, only one of which changes it.
  (func (export "across if") (param i32 i32) (result i32)
    local.get 0
    (if (local.get 1) (then (local.set 0 (i32.const 100))) (else (nop)))
    local.get 0
    i32.sub)
  (func (export "across br_if") (param i32 i32) (result i32)
    (block (result i32)
      local.get 0
      (local.set 0 (i32.const 50))
      (br_if 0 (local.get 1))
      local.get 0
      i32.add))
  ;; ... and across a call, which may use every register.
  (func (export "across call") (param i32) (result i32)
    local.get 0
    (local.set 0 (call $clobber (i32.const 1)))
    local.get 0
    i32.sub)
  (func $clobber (param i32) (result i32)
    (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (local.set 1 (i32.add (local.get 0) (i32.const 1))) (local.set 2 (i32.add (local.get 1) (i32.const 1)))
    (local.set 3 (i32.add (local.get 2) (i32.const 1))) (local.set 4 (i32.add (local.get 3) (i32.const 1)))
    (local.set 5 (i32.add (local.get 4) (i32.const 1))) (local.set 6 (i32.add (local.get 5) (i32.const 1)))
    (local.set 7 (i32.add (local.get 6) (i32.const 1))) (local.set 8 (i32.add (local.get 7) (i32.const 1)))
    (local.set 9 (i32.add (local.get 8) (i32.const 1))) (local.set 10 (i32.add (local.get 9) (i32.const 1)))
    (local.set 11 (i32.add (local.get 10) (i32.const 1))) (local.set 12 (i32.add (local.get 11) (i32.const 1)))
    (local.set 13 (i32.add (local.get 12) (i32.const 1)))
    (loop (if (local.get 13) (then (local.set 13 (i32.sub (local.get 13) (i32.const 1))) (br 1))))
    (local.get 12))
  ;; Thirty values at once, all different, consumed in the other order.
  (func (export "deep") (param i32) (result i32)
    local.get 0 local.get 0 i32.const 1 i32.add local.get 0 i32.const 2 i32.add local.get 0 i32.const 3 i32.add
    local.get 0 i32.const 4 i32.add local.get 0 i32.const 5 i32.add local.get 0 i32.const 6 i32.add
    local.get 0 i32.const 7 i32.add local.get 0 i32.const 8 i32.add local.get 0 i32.const 9 i32.add
    local.get 0 i32.const 10 i32.add local.get 0 i32.const 11 i32.add local.get 0 i32.const 12 i32.add
    local.get 0 i32.const 13 i32.add local.get 0 i32.const 14 i32.add local.get 0 i32.const 15 i32.add
    local.get 0 i32.const 16 i32.add local.get 0 i32.const 17 i32.add local.get 0 i32.const 18 i32.add
    local.get 0 i32.const 19 i32.add local.get 0 i32.const 20 i32.add local.get 0 i32.const 21 i32.add
    local.get 0 i32.const 22 i32.add local.get 0 i32.const 23 i32.add local.get 0 i32.const 24 i32.add
    local.get 0 i32.const 25 i32.add local.get 0 i32.const 26 i32.add local.get 0 i32.const 27 i32.add
    local.get 0 i32.const 28 i32.add local.get 0 i32.const 29 i32.add
    i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub
    i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub
    i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub i32.sub)
  ;; The same for floats, with values alive across a call.
  (func (export "deep floats") (param f64) (result f64)
    local.get 0 local.get 0 f64.const 1 f64.add local.get 0 f64.const 2 f64.add local.get 0 f64.const 3 f64.add
    local.get 0 f64.const 4 f64.add local.get 0 f64.const 5 f64.add local.get 0 f64.const 6 f64.add
    local.get 0 f64.const 7 f64.add local.get 0 f64.const 8 f64.add local.get 0 f64.const 9 f64.add
    local.get 0 f64.const 10 f64.add local.get 0 f64.const 11 f64.add local.get 0 f64.const 12 f64.add
    local.get 0 f64.const 13 f64.add local.get 0 f64.const 14 f64.add local.get 0 f64.const 15 f64.add
    local.get 0 f64.const 16 f64.add local.get 0 f64.const 17 f64.add local.get 0 f64.const 18 f64.add
    (drop (call $clobber (i32.const 3)))
    local.get 0 f64.const 19 f64.add local.get 0 f64.const 20 f64.add local.get 0 f64.const 21 f64.add
    f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub
    f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub f64.sub)
  ;; Comparisons kept as values, and conditions that were computed long before their use.
  (func (export "late condition") (param i32 i32) (result i32)
    (i32.lt_s (local.get 0) (local.get 1))
    (local.set 0 (i32.const 77))
    (if (result i32) (then (i32.const 1)) (else (local.get 0))))
  (func (export "select chain") (param i32 i32 i32) (result i32)
    (select (local.get 0) (select (local.get 1) (local.tee 0 (local.get 2)) (i32.eqz (local.get 0)))
            (i32.gt_u (local.get 1) (local.get 2)))))

(assert_return (invoke "get set" (i32.const 12)) (i32.const 7))
(assert_return (invoke "get tee" (i32.const 12)) (i32.const 9))
(assert_return (invoke "swap" (i32.const 1) (i32.const 2)) (i32.const 2) (i32.const 1))
(assert_return (invoke "rotate" (i64.const 1) (i64.const 2) (i64.const 3)) (i64.const 2) (i64.const 3) (i64.const 1))
(assert_return (invoke "swap floats" (f64.const 1) (f64.const 2)) (f64.const 2) (f64.const 1))
(assert_return (invoke "loop swap" (i32.const 1)) (i32.const 2) (i32.const 1))
(assert_return (invoke "loop swap" (i32.const 6)) (i32.const 1) (i32.const 2))
(assert_return (invoke "loop swap locals" (i32.const 1)) (i32.const 2) (i32.const 1))
(assert_return (invoke "loop swap locals" (i32.const 6)) (i32.const 1) (i32.const 2))
(assert_return (invoke "across loop" (i32.const 9)) (i32.const 9))
(assert_return (invoke "across if" (i32.const 9) (i32.const 1)) (i32.const -91))
(assert_return (invoke "across if" (i32.const 9) (i32.const 0)) (i32.const 0))
(assert_return (invoke "across br_if" (i32.const 9) (i32.const 1)) (i32.const 9))
(assert_return (invoke "across br_if" (i32.const 9) (i32.const 0)) (i32.const 59))
(assert_return (invoke "across call" (i32.const 30)) (i32.const 17))
(assert_return (invoke "deep" (i32.const 100)) (i32.const -15))
(assert_return (invoke "deep floats" (f64.const 100)) (f64.const -11))
(assert_return (invoke "late condition" (i32.const 1) (i32.const 2)) (i32.const 1))
(assert_return (invoke "late condition" (i32.const 2) (i32.const 1)) (i32.const 77))
(assert_return (invoke "select chain" (i32.const 0) (i32.const 5) (i32.const 9)) (i32.const 9))
(assert_return (invoke "select chain" (i32.const 4) (i32.const 5) (i32.const 3)) (i32.const 4))

;; The upper half of a register that holds an i32 must not be seen.
(module
  (func (export "extend add") (param i32 i32) (result i64) (i64.extend_i32_u (i32.add (local.get 0) (local.get 1))))
  (func (export "extend shl") (param i32 i32) (result i64) (i64.extend_i32_u (i32.shl (local.get 0) (local.get 1))))
  (func (export "extend shr_u") (param i32 i32) (result i64) (i64.extend_i32_s (i32.shr_u (local.get 0) (local.get 1))))
  (func (export "extend wrap") (param i64) (result i64) (i64.extend_i32_u (i32.wrap_i64 (local.get 0))))
  (func (export "compare wrap") (param i64 i64) (result i32) (i32.lt_u (i32.wrap_i64 (local.get 0)) (i32.wrap_i64 (local.get 1))))
  (func (export "equal wrap") (param i64) (result i32) (i32.eqz (i32.wrap_i64 (local.get 0))))
  (func (export "branch wrap") (param i64) (result i32)
    (if (result i32) (i32.wrap_i64 (local.get 0)) (then (i32.const 1)) (else (i32.const 2))))
  (func (export "select wrap") (param i64) (result i32) (select (i32.const 1) (i32.const 2) (i32.wrap_i64 (local.get 0))))
  (func (export "table wrap") (param i64) (result i32)
    (block (block (block (br_table 0 1 2 (i32.wrap_i64 (local.get 0)))) (return (i32.const 10))) (return (i32.const 11)))
    (i32.const 12))
  (func (export "divide wrap") (param i64 i64) (result i32) (i32.div_u (i32.wrap_i64 (local.get 0)) (i32.wrap_i64 (local.get 1))))
  (func (export "rotate wrap") (param i64 i32) (result i64) (i64.extend_i32_s (i32.rotl (i32.wrap_i64 (local.get 0)) (local.get 1))))
  (func (export "count wrap") (param i64) (result i32 i32 i32)
    (i32.clz (i32.wrap_i64 (local.get 0))) (i32.ctz (i32.wrap_i64 (local.get 0))) (i32.popcnt (i32.wrap_i64 (local.get 0))))
  (func (export "float wrap") (param i64) (result f64 f64)
    (f64.convert_i32_s (i32.wrap_i64 (local.get 0))) (f64.convert_i32_u (i32.wrap_i64 (local.get 0)))))

(assert_return (invoke "extend add" (i32.const 0x7fffffff) (i32.const 1)) (i64.const 0x80000000))
(assert_return (invoke "extend add" (i32.const -1) (i32.const 1)) (i64.const 0))
(assert_return (invoke "extend shl" (i32.const 1) (i32.const 31)) (i64.const 0x80000000))
(assert_return (invoke "extend shl" (i32.const -1) (i32.const 36)) (i64.const 0xfffffff0))
(assert_return (invoke "extend shr_u" (i32.const -1) (i32.const 32)) (i64.const -1))
(assert_return (invoke "extend shr_u" (i32.const -1) (i32.const 1)) (i64.const 0x7fffffff))
(assert_return (invoke "extend wrap" (i64.const 0x1234_5678_9abc_def0)) (i64.const 0x9abc_def0))
(assert_return (invoke "compare wrap" (i64.const 0x1_0000_0001) (i64.const 2)) (i32.const 1))
(assert_return (invoke "compare wrap" (i64.const 0x8000_0000) (i64.const 0x1_0000_0001)) (i32.const 0))
(assert_return (invoke "equal wrap" (i64.const 0x1_0000_0000)) (i32.const 1))
(assert_return (invoke "branch wrap" (i64.const 0x1_0000_0000)) (i32.const 2))
(assert_return (invoke "branch wrap" (i64.const 0x8000_0000)) (i32.const 1))
(assert_return (invoke "select wrap" (i64.const 0x1_0000_0000)) (i32.const 2))
(assert_return (invoke "table wrap" (i64.const 0x1_0000_0001)) (i32.const 11))
(assert_return (invoke "table wrap" (i64.const 0xffff_ffff_0000_0000)) (i32.const 10))
(assert_return (invoke "table wrap" (i64.const 0xffff_ffff)) (i32.const 12))
(assert_return (invoke "divide wrap" (i64.const 0x1_8000_0000) (i64.const 0x7_0000_0002)) (i32.const 0x4000_0000))
(assert_trap (invoke "divide wrap" (i64.const 1) (i64.const 0x7_0000_0000)) "integer divide by zero")
(assert_return (invoke "rotate wrap" (i64.const 0xffff_ffff_4000_0000) (i32.const 1)) (i64.const -0x80000000))
(assert_return (invoke "count wrap" (i64.const 0xffff_ffff_0000_0000)) (i32.const 32) (i32.const 32) (i32.const 0))
(assert_return (invoke "count wrap" (i64.const 0xffff_ffff_0001_0000)) (i32.const 15) (i32.const 16) (i32.const 1))
(assert_return (invoke "float wrap" (i64.const 0x1_ffff_ffff)) (f64.const -1) (f64.const 4294967295))
