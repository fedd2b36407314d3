;; Calls functions of the host in every way.
(module $host
  (import "env" "add" (func $add (param i32 i32) (result i32)))
  (import "env" "mixed" (func $mixed
    (param i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 f64)
    (result f64 i64 i32 f32 f64 i64)))
  (import "env" "call_back" (func $call_back (param i32) (result i32)))
  (import "env" "stop" (func $stop (param i32)))
  (import "env" "slow" (func $slow (param i64) (result i64)))
  (table (export "table") 1 funcref)
  (elem (i32.const 0) func $add)
  (memory (export "memory") 1)
  (export "add_again" (func $add))
  (func (export "add") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1)))
  (func (export "add_indirect") (param i32 i32) (result i32)
    (call_indirect (param i32 i32) (result i32) (local.get 0) (local.get 1) (i32.const 0)))
  ;; Values live in locals and on the stack across the call.
  (func (export "keep") (param $a i64) (param $b f64) (result f64)
    (f64.add (f64.mul (local.get $b) (f64.const 2))
             (f64.convert_i64_s
               (i64.add (local.get $a) (i64.extend_i32_s (call $add (i32.const -3) (i32.const 1)))))))
  (func (export "mixed") (result f64 i64 i32 f32 f64 i64)
    (call $mixed
      (i32.const 0) (f32.const 1) (i64.const 2) (f64.const 3) (i32.const 4) (f32.const 5) (i64.const 6) (f64.const 7)
      (i32.const 8) (f32.const 9) (i64.const 10) (f64.const 11) (i32.const 12) (f32.const 13) (i64.const 14)
      (f64.const 15) (i32.const 16) (f32.const 17) (i64.const 18) (f64.const 19) (i32.const 20) (f32.const 21)
      (i64.const 22) (f64.const 23)))
  ;; factorial through the host
  (func (export "factorial") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 1))
      (else (i32.mul (local.get 0) (call $call_back (i32.sub (local.get 0) (i32.const 1)))))))
  (func $inner (param i32) (call $stop (local.get 0)))
  (func (export "stop") (param i32) (call $inner (local.get 0)) unreachable)
  (func (export "slow") (param i64) (result i64) (i64.mul (call $slow (local.get 0)) (i64.const 2))))
