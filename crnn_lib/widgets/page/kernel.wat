;; What the engine computes most of: products, pooling and the LSTM's steps, four numbers at a time (WebAssembly SIMD).
;; simd.js lays the memory out and calls these functions; plain.js does the same sums in JavaScript.
;; Addresses and steps are in bytes, counts in numbers; every number in memory is a float32.
;; kernel.js holds this text assembled: python bench/tools/kernel.py

(module
  (memory (export "memory") 1)

  ;; out[d][p] = max(bias[d] + sum over k of weight[d][k] * row_k[p], floor) for d < D and p < n.
  ;;
  ;; `rows` holds K addresses: where each row_k begins. Rows one after another make a matrix product; rows that begin in
  ;; nine neighbouring pixels make a 3 x 3 convolution, without a copy of its patches (Dukhan 2019, arXiv 1907.02129).
  ;; Four outputs d times eight places p stand in eight registers while k runs. `weights` lie in that order: for each four
  ;; outputs their biases, then their four weights of each k. n counts as the next multiple of 8, D as one of 4.
  (func (export "product")
    (param $rows i32) (param $K i32) (param $weights i32) (param $D i32)
    (param $n i32) (param $out i32) (param $step i32) (param $floor f32)
    (local $p i32) (local $end i32) (local $d i32) (local $w i32) (local $k i32) (local $row i32) (local $o i32)
    (local $x v128) (local $y v128) (local $weight v128) (local $least v128)
    (local $x0 v128) (local $x1 v128) (local $x2 v128) (local $x3 v128)
    (local $y0 v128) (local $y1 v128) (local $y2 v128) (local $y3 v128)
    (local.set $least (f32x4.splat (local.get $floor)))
    (local.set $end (i32.add (local.get $rows) (i32.shl (local.get $K) (i32.const 2))))
    (local.set $n (i32.shl (local.get $n) (i32.const 2)))
    (loop $eight_places
      (local.set $w (local.get $weights))
      (local.set $o (i32.add (local.get $out) (local.get $p)))
      (local.set $d (i32.const 0))
      (loop $four_outputs
        (local.set $x0 (local.tee $y0 (v128.load32_splat (local.get $w))))
        (local.set $x1 (local.tee $y1 (v128.load32_splat offset=4 (local.get $w))))
        (local.set $x2 (local.tee $y2 (v128.load32_splat offset=8 (local.get $w))))
        (local.set $x3 (local.tee $y3 (v128.load32_splat offset=12 (local.get $w))))
        (local.set $w (i32.add (local.get $w) (i32.const 16)))
        (local.set $k (local.get $rows))
        (loop $each_row
          (local.set $row (i32.add (i32.load (local.get $k)) (local.get $p)))
          (local.set $x (v128.load (local.get $row)))
          (local.set $y (v128.load offset=16 (local.get $row)))
          (local.set $weight (v128.load32_splat (local.get $w)))
          (local.set $x0 (f32x4.add (local.get $x0) (f32x4.mul (local.get $weight) (local.get $x))))
          (local.set $y0 (f32x4.add (local.get $y0) (f32x4.mul (local.get $weight) (local.get $y))))
          (local.set $weight (v128.load32_splat offset=4 (local.get $w)))
          (local.set $x1 (f32x4.add (local.get $x1) (f32x4.mul (local.get $weight) (local.get $x))))
          (local.set $y1 (f32x4.add (local.get $y1) (f32x4.mul (local.get $weight) (local.get $y))))
          (local.set $weight (v128.load32_splat offset=8 (local.get $w)))
          (local.set $x2 (f32x4.add (local.get $x2) (f32x4.mul (local.get $weight) (local.get $x))))
          (local.set $y2 (f32x4.add (local.get $y2) (f32x4.mul (local.get $weight) (local.get $y))))
          (local.set $weight (v128.load32_splat offset=12 (local.get $w)))
          (local.set $x3 (f32x4.add (local.get $x3) (f32x4.mul (local.get $weight) (local.get $x))))
          (local.set $y3 (f32x4.add (local.get $y3) (f32x4.mul (local.get $weight) (local.get $y))))
          (local.set $w (i32.add (local.get $w) (i32.const 16)))
          (br_if $each_row (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 4))) (local.get $end))))
        (call $two (local.get $o) (local.get $x0) (local.get $y0) (local.get $least))
        (local.set $o (i32.add (local.get $o) (local.get $step)))
        (call $two (local.get $o) (local.get $x1) (local.get $y1) (local.get $least))
        (local.set $o (i32.add (local.get $o) (local.get $step)))
        (call $two (local.get $o) (local.get $x2) (local.get $y2) (local.get $least))
        (local.set $o (i32.add (local.get $o) (local.get $step)))
        (call $two (local.get $o) (local.get $x3) (local.get $y3) (local.get $least))
        (local.set $o (i32.add (local.get $o) (local.get $step)))
        (br_if $four_outputs (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 4))) (local.get $D))))
      (br_if $eight_places (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $n)))))

  (func $two (param $to i32) (param $x v128) (param $y v128) (param $least v128)
    (v128.store (local.get $to) (f32x4.pmax (local.get $x) (local.get $least)))
    (v128.store offset=16 (local.get $to) (f32x4.pmax (local.get $y) (local.get $least))))

  ;; out[d][k] = sum over p < n of a_d[p] * b_k[p] for d < D and k < K: how gradients of weights add up over all places.
  ;;
  ;; The rows a_d begin `step` apart, `rows` holds where each b_k begins. Four of the first times two of the second are
  ;; eight sums at a time, of which each has four numbers until the end. D counts as the next multiple of 4, K as one of
  ;; 2 (out has that many), n as one of 4.
  (func (export "inner")
    (param $a i32) (param $step i32) (param $D i32) (param $rows i32) (param $K i32) (param $n i32) (param $out i32)
    (local $d i32) (local $k i32) (local $p i32) (local $a1 i32) (local $a2 i32) (local $a3 i32)
    (local $b i32) (local $c i32) (local $o i32) (local $line i32)
    (local $x v128) (local $y v128) (local $number v128)
    (local $x0 v128) (local $x1 v128) (local $x2 v128) (local $x3 v128)
    (local $y0 v128) (local $y1 v128) (local $y2 v128) (local $y3 v128)
    (local.set $line (i32.shl (i32.and (i32.add (local.get $K) (i32.const 1)) (i32.const -2)) (i32.const 2)))
    (local.set $n (i32.shl (local.get $n) (i32.const 2)))
    (loop $four_rows
      (local.set $a1 (i32.add (local.get $a) (local.get $step)))
      (local.set $a2 (i32.add (local.get $a1) (local.get $step)))
      (local.set $a3 (i32.add (local.get $a2) (local.get $step)))
      (local.set $k (i32.const 0))
      (loop $two_columns
        (local.set $b (i32.load (i32.add (local.get $rows) (local.get $k))))
        (local.set $c (i32.load offset=4 (i32.add (local.get $rows) (local.get $k))))
        (local.set $x0 (local.tee $x1 (local.tee $x2 (local.tee $x3 (v128.const f32x4 0 0 0 0)))))
        (local.set $y0 (local.tee $y1 (local.tee $y2 (local.tee $y3 (v128.const f32x4 0 0 0 0)))))
        (local.set $p (i32.const 0))
        (loop $four_places
          (local.set $x (v128.load (i32.add (local.get $b) (local.get $p))))
          (local.set $y (v128.load (i32.add (local.get $c) (local.get $p))))
          (local.set $number (v128.load (i32.add (local.get $a) (local.get $p))))
          (local.set $x0 (f32x4.add (local.get $x0) (f32x4.mul (local.get $number) (local.get $x))))
          (local.set $y0 (f32x4.add (local.get $y0) (f32x4.mul (local.get $number) (local.get $y))))
          (local.set $number (v128.load (i32.add (local.get $a1) (local.get $p))))
          (local.set $x1 (f32x4.add (local.get $x1) (f32x4.mul (local.get $number) (local.get $x))))
          (local.set $y1 (f32x4.add (local.get $y1) (f32x4.mul (local.get $number) (local.get $y))))
          (local.set $number (v128.load (i32.add (local.get $a2) (local.get $p))))
          (local.set $x2 (f32x4.add (local.get $x2) (f32x4.mul (local.get $number) (local.get $x))))
          (local.set $y2 (f32x4.add (local.get $y2) (f32x4.mul (local.get $number) (local.get $y))))
          (local.set $number (v128.load (i32.add (local.get $a3) (local.get $p))))
          (local.set $x3 (f32x4.add (local.get $x3) (f32x4.mul (local.get $number) (local.get $x))))
          (local.set $y3 (f32x4.add (local.get $y3) (f32x4.mul (local.get $number) (local.get $y))))
          (br_if $four_places (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 16))) (local.get $n))))
        (local.set $o (i32.add (local.get $out) (local.get $k)))
        (f32.store (local.get $o) (call $total (local.get $x0)))
        (f32.store offset=4 (local.get $o) (call $total (local.get $y0)))
        (local.set $o (i32.add (local.get $o) (local.get $line)))
        (f32.store (local.get $o) (call $total (local.get $x1)))
        (f32.store offset=4 (local.get $o) (call $total (local.get $y1)))
        (local.set $o (i32.add (local.get $o) (local.get $line)))
        (f32.store (local.get $o) (call $total (local.get $x2)))
        (f32.store offset=4 (local.get $o) (call $total (local.get $y2)))
        (local.set $o (i32.add (local.get $o) (local.get $line)))
        (f32.store (local.get $o) (call $total (local.get $x3)))
        (f32.store offset=4 (local.get $o) (call $total (local.get $y3)))
        (br_if $two_columns (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 8))) (local.get $line))))
      (local.set $a (i32.add (local.get $a3) (local.get $step)))
      (local.set $out (i32.add (local.get $out) (i32.shl (local.get $line) (i32.const 2))))
      (br_if $four_rows (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 4))) (local.get $D)))))

  (func $total (param $x v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $x)) (f32x4.extract_lane 1 (local.get $x)))
      (f32.add (f32x4.extract_lane 2 (local.get $x)) (f32x4.extract_lane 3 (local.get $x)))))

  ;; The largest of each v x h patch of C planes, whose rows lie `row` and planes `plane` apart, to `rows` x `columns`
  ;; numbers a plane. A patch of 1 x 1 makes a copy.
  (func (export "pool")
    (param $from i32) (param $plane i32) (param $row i32) (param $v i32) (param $h i32)
    (param $to i32) (param $to_plane i32) (param $to_row i32) (param $C i32) (param $rows i32) (param $columns i32)
    (local $y i32) (local $x i32) (local $at i32) (local $o i32) (local $j i32) (local $i i32) (local $a i32)
    (local $best f32) (local $number f32)
    (loop $each_plane
      (local.set $y (i32.const 0))
      (loop $each_line
        (local.set $at (i32.add (local.get $from)
          (i32.mul (i32.mul (local.get $y) (local.get $v)) (local.get $row))))
        (local.set $o (i32.add (local.get $to) (i32.mul (local.get $y) (local.get $to_row))))
        (local.set $x (i32.const 0))
        (loop $each_patch
          (local.set $best (f32.load (local.get $at)))
          (local.set $j (i32.const 0))
          (loop $down
            (local.set $a (i32.add (local.get $at) (i32.mul (local.get $j) (local.get $row))))
            (local.set $i (i32.const 0))
            (loop $along
              (local.set $number (f32.load (local.get $a)))
              (local.set $best (select (local.get $number) (local.get $best)
                (f32.gt (local.get $number) (local.get $best))))
              (local.set $a (i32.add (local.get $a) (i32.const 4)))
              (br_if $along (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $h))))
            (br_if $down (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $v))))
          (f32.store (local.get $o) (local.get $best))
          (local.set $o (i32.add (local.get $o) (i32.const 4)))
          (local.set $at (i32.add (local.get $at) (i32.shl (local.get $h) (i32.const 2))))
          (br_if $each_patch
            (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $columns))))
        (br_if $each_line (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (local.get $rows))))
      (local.set $from (i32.add (local.get $from) (local.get $plane)))
      (local.set $to (i32.add (local.get $to) (local.get $to_plane)))
      (br_if $each_plane (local.tee $C (i32.sub (local.get $C) (i32.const 1))))))

  ;; Of each v x h patch of a channel the largest of scale * number + shift where that is above 0, else 0, for H x W
  ;; patches of `count` images; images, rows and pixels lie so far apart. Where the largest stood goes to `winners`, one
  ;; address a patch, -1 for none. Four patches of a row at a time, without a branch on what they hold.
  (func (export "squash")
    (param $raw i32) (param $image i32) (param $row i32) (param $pixel i32) (param $v i32) (param $h i32)
    (param $out i32) (param $out_image i32) (param $out_row i32) (param $out_pixel i32) (param $winners i32)
    (param $count i32) (param $H i32) (param $W i32) (param $scale f32) (param $shift f32)
    (local $n i32) (local $y i32) (local $left i32) (local $j i32) (local $i i32)
    (local $across i32) (local $line i32) (local $corner i32) (local $a i32) (local $o i32)
    (local $four v128) (local $number v128) (local $best v128) (local $winner v128)
    (local.set $across (i32.mul (local.get $h) (local.get $pixel)))
    (local.set $four (i32x4.mul (i32x4.splat (local.get $across)) (v128.const i32x4 0 1 2 3)))
    (loop $each_image
      (local.set $y (i32.const 0))
      (loop $each_line
        (local.set $line (i32.add
          (i32.add (local.get $raw) (i32.mul (local.get $n) (local.get $image)))
          (i32.mul (i32.mul (local.get $y) (local.get $v)) (local.get $row))))
        (local.set $o (i32.add
          (i32.add (local.get $out) (i32.mul (local.get $n) (local.get $out_image)))
          (i32.mul (local.get $y) (local.get $out_row))))
        (local.set $left (local.get $W))
        (loop $four_patches
          (local.set $best (v128.const f32x4 0 0 0 0))
          (local.set $winner (v128.const i32x4 -1 -1 -1 -1))
          (local.set $corner (local.get $line))
          (local.set $j (local.get $v))
          (loop $down
            (local.set $a (local.get $corner))
            (local.set $i (local.get $h))
            (loop $along
              (local.set $number (f32x4.add (f32x4.splat (local.get $shift)) (f32x4.mul (f32x4.splat (local.get $scale))
                (call $apart (local.get $a) (local.get $across)))))
              (local.set $winner (v128.bitselect
                (i32x4.add (i32x4.splat (local.get $a)) (local.get $four))
                (local.get $winner)
                (f32x4.gt (local.get $number) (local.get $best))))
              (local.set $best (f32x4.pmax (local.get $best) (local.get $number)))
              (local.set $a (i32.add (local.get $a) (local.get $pixel)))
              (br_if $along (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            (local.set $corner (i32.add (local.get $corner) (local.get $row)))
            (br_if $down (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
          (v128.store (local.get $winners) (local.get $winner)) ;; the next row's come over those beyond a row's end
          (local.set $winners (i32.add (local.get $winners)
            (i32.shl (select (i32.const 4) (local.get $left) (i32.gt_s (local.get $left) (i32.const 4))) (i32.const 2))))
          (v128.store32_lane 0 (local.get $o) (local.get $best))
          (local.set $o (i32.add (local.get $o) (local.get $out_pixel)))
          (if (i32.gt_s (local.get $left) (i32.const 1)) (then (v128.store32_lane 1 (local.get $o) (local.get $best))))
          (local.set $o (i32.add (local.get $o) (local.get $out_pixel)))
          (if (i32.gt_s (local.get $left) (i32.const 2)) (then (v128.store32_lane 2 (local.get $o) (local.get $best))))
          (local.set $o (i32.add (local.get $o) (local.get $out_pixel)))
          (if (i32.gt_s (local.get $left) (i32.const 3)) (then (v128.store32_lane 3 (local.get $o) (local.get $best))))
          (local.set $o (i32.add (local.get $o) (local.get $out_pixel)))
          (local.set $line (i32.add (local.get $line) (i32.shl (local.get $across) (i32.const 2))))
          (br_if $four_patches
            (i32.gt_s (local.tee $left (i32.sub (local.get $left) (i32.const 4))) (i32.const 0))))
        (br_if $each_line (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (local.get $H))))
      (br_if $each_image (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $count)))))

  ;; Four numbers, so many bytes apart.
  (func $apart (param $a i32) (param $step i32) (result v128)
    (local $b i32) (local $c i32)
    (local.set $b (i32.add (local.get $a) (local.get $step)))
    (local.set $c (i32.add (local.get $b) (local.get $step)))
    (v128.load32_lane 3 (i32.add (local.get $c) (local.get $step))
      (v128.load32_lane 2 (local.get $c)
        (v128.load32_lane 1 (local.get $b)
          (v128.load32_zero (local.get $a))))))

  ;; One direction of the LSTM over T steps; hidden is a multiple of 4. The first step's `gates` (4, hidden), in torch's
  ;; order i, f, g, o, hold what the column adds to them; the next step's lie `gates_step` on. To them comes the last
  ;; hidden state times `weights` (hidden, 4 * hidden). `cell` (hidden) must hold zeros.
  (func (export "lstm")
    (param $gates i32) (param $gates_step i32) (param $states i32) (param $states_step i32)
    (param $T i32) (param $hidden i32) (param $weights i32) (param $cell i32)
    (local $last i32) (local $size i32) (local $g i32) (local $end i32) (local $w i32) (local $j i32) (local $i i32)
    (local $state v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $size (i32.shl (local.get $hidden) (i32.const 2)))
    (local.set $last (local.get $cell)) ;; zeros, as the first hidden state is
    (loop $each_step
      (local.set $g (i32.const 0))
      (loop $sixteen_gates
        (local.set $i (i32.add (local.get $gates) (local.get $g)))
        (local.set $a (v128.load (local.get $i)))
        (local.set $b (v128.load offset=16 (local.get $i)))
        (local.set $c (v128.load offset=32 (local.get $i)))
        (local.set $d (v128.load offset=48 (local.get $i)))
        (local.set $w (i32.add (local.get $weights) (local.get $g)))
        (local.set $j (local.get $last))
        (local.set $end (i32.add (local.get $last) (local.get $size)))
        (loop $each_unit
          (local.set $state (v128.load32_splat (local.get $j)))
          (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $state) (v128.load (local.get $w)))))
          (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $state) (v128.load offset=16 (local.get $w)))))
          (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $state) (v128.load offset=32 (local.get $w)))))
          (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $state) (v128.load offset=48 (local.get $w)))))
          (local.set $w (i32.add (local.get $w) (i32.shl (local.get $size) (i32.const 2))))
          (br_if $each_unit (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 4))) (local.get $end))))
        (v128.store (local.get $i) (local.get $a))
        (v128.store offset=16 (local.get $i) (local.get $b))
        (v128.store offset=32 (local.get $i) (local.get $c))
        (v128.store offset=48 (local.get $i) (local.get $d))
        (br_if $sixteen_gates (i32.lt_u
          (local.tee $g (i32.add (local.get $g) (i32.const 64)))
          (i32.shl (local.get $size) (i32.const 2)))))
      (local.set $i (i32.const 0))
      (loop $four_units
        (local.set $g (i32.add (local.get $gates) (local.get $i)))
        (local.set $a (call $sigmoid (v128.load (local.get $g)))) ;; in
        (local.set $g (i32.add (local.get $g) (local.get $size)))
        (local.set $b (call $sigmoid (v128.load (local.get $g)))) ;; forget
        (local.set $g (i32.add (local.get $g) (local.get $size)))
        (local.set $c (call $tanh (v128.load (local.get $g)))) ;; what is new
        (local.set $g (i32.add (local.get $g) (local.get $size)))
        (local.set $d (call $sigmoid (v128.load (local.get $g)))) ;; out
        (local.set $j (i32.add (local.get $cell) (local.get $i)))
        (local.set $state (f32x4.add
          (f32x4.mul (local.get $b) (v128.load (local.get $j)))
          (f32x4.mul (local.get $a) (local.get $c))))
        (v128.store (local.get $j) (local.get $state))
        (v128.store (i32.add (local.get $states) (local.get $i))
          (f32x4.mul (local.get $d) (call $tanh (local.get $state))))
        (br_if $four_units (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (local.get $size))))
      (local.set $last (local.get $states))
      (local.set $gates (i32.add (local.get $gates) (local.get $gates_step)))
      (local.set $states (i32.add (local.get $states) (local.get $states_step)))
      (br_if $each_step (local.tee $T (i32.sub (local.get $T) (i32.const 1))))))

  ;; One step of the LSTM for n images side by side, n a multiple of 4: from its gates (4 * hidden, n), which become
  ;; sigmoids and tanhs, to its cells and states (hidden, n). Of all of them the rows begin `row` apart; the cells of the
  ;; step before lie `back` away from its own.
  (func (export "cells")
    (param $gates i32) (param $cells i32) (param $states i32) (param $row i32) (param $back i32)
    (param $hidden i32) (param $n i32)
    (local $u i32) (local $p i32) (local $far i32) (local $g i32) (local $at i32)
    (local $in v128) (local $keep v128) (local $new v128) (local $out v128) (local $cell v128)
    (local.set $far (i32.mul (local.get $hidden) (local.get $row)))
    (local.set $n (i32.shl (local.get $n) (i32.const 2)))
    (loop $each_unit
      (local.set $p (i32.const 0))
      (loop $four_images
        (local.set $g (i32.add (local.get $gates) (local.get $p)))
        (v128.store (local.get $g) (local.tee $in (call $sigmoid (v128.load (local.get $g)))))
        (local.set $g (i32.add (local.get $g) (local.get $far)))
        (v128.store (local.get $g) (local.tee $keep (call $sigmoid (v128.load (local.get $g)))))
        (local.set $g (i32.add (local.get $g) (local.get $far)))
        (v128.store (local.get $g) (local.tee $new (call $tanh (v128.load (local.get $g)))))
        (local.set $g (i32.add (local.get $g) (local.get $far)))
        (v128.store (local.get $g) (local.tee $out (call $sigmoid (v128.load (local.get $g)))))
        (local.set $at (i32.add (local.get $cells) (local.get $p)))
        (local.set $cell (f32x4.add
          (f32x4.mul (local.get $keep) (v128.load (i32.add (local.get $at) (local.get $back))))
          (f32x4.mul (local.get $in) (local.get $new))))
        (v128.store (local.get $at) (local.get $cell))
        (v128.store (i32.add (local.get $states) (local.get $p))
          (f32x4.mul (local.get $out) (call $tanh (local.get $cell))))
        (br_if $four_images (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 16))) (local.get $n))))
      (local.set $gates (i32.add (local.get $gates) (local.get $row)))
      (local.set $cells (i32.add (local.get $cells) (local.get $row)))
      (local.set $states (i32.add (local.get $states) (local.get $row)))
      (br_if $each_unit (i32.lt_u (local.tee $u (i32.add (local.get $u) (i32.const 1))) (local.get $hidden)))))

  ;; The same step backwards: from the gradients of its states to those of its gates, which take the gates' places.
  ;; `carry` (hidden, n) holds the gradients of its cells through the next step, and then those of the step before's.
  (func (export "cells_back")
    (param $gates i32) (param $cells i32) (param $states i32) (param $row i32) (param $back i32)
    (param $hidden i32) (param $n i32) (param $carry i32)
    (local $u i32) (local $p i32) (local $far i32) (local $g i32) (local $at i32) (local $one v128)
    (local $in v128) (local $keep v128) (local $new v128) (local $out v128) (local $slope v128) (local $seen v128)
    (local.set $one (v128.const f32x4 1 1 1 1))
    (local.set $far (i32.mul (local.get $hidden) (local.get $row)))
    (local.set $n (i32.shl (local.get $n) (i32.const 2)))
    (loop $each_unit
      (local.set $p (i32.const 0))
      (loop $four_images
        (local.set $g (i32.add (local.get $gates) (local.get $p)))
        (local.set $in (v128.load (local.get $g)))
        (local.set $keep (v128.load (i32.add (local.get $g) (local.get $far))))
        (local.set $new (v128.load (i32.add (local.get $g) (i32.shl (local.get $far) (i32.const 1)))))
        (local.set $out (v128.load (i32.add (local.get $g) (i32.mul (local.get $far) (i32.const 3)))))
        (local.set $at (i32.add (local.get $cells) (local.get $p)))
        (local.set $seen (call $tanh (v128.load (local.get $at))))
        (local.set $slope (v128.load (i32.add (local.get $states) (local.get $p))))
        (v128.store (i32.add (local.get $g) (i32.mul (local.get $far) (i32.const 3)))
          (f32x4.mul (f32x4.mul (local.get $slope) (local.get $seen))
            (f32x4.mul (local.get $out) (f32x4.sub (local.get $one) (local.get $out)))))
        (local.set $slope (f32x4.add (v128.load (local.get $carry)) ;; from here on: of the cell
          (f32x4.mul (f32x4.mul (local.get $slope) (local.get $out))
            (f32x4.sub (local.get $one) (f32x4.mul (local.get $seen) (local.get $seen))))))
        (v128.store (local.get $carry) (f32x4.mul (local.get $slope) (local.get $keep)))
        (v128.store (local.get $g)
          (f32x4.mul (f32x4.mul (local.get $slope) (local.get $new))
            (f32x4.mul (local.get $in) (f32x4.sub (local.get $one) (local.get $in)))))
        (v128.store (i32.add (local.get $g) (local.get $far))
          (f32x4.mul (f32x4.mul (local.get $slope) (v128.load (i32.add (local.get $at) (local.get $back))))
            (f32x4.mul (local.get $keep) (f32x4.sub (local.get $one) (local.get $keep)))))
        (v128.store (i32.add (local.get $g) (i32.shl (local.get $far) (i32.const 1)))
          (f32x4.mul (f32x4.mul (local.get $slope) (local.get $in))
            (f32x4.sub (local.get $one) (f32x4.mul (local.get $new) (local.get $new)))))
        (local.set $carry (i32.add (local.get $carry) (i32.const 16)))
        (br_if $four_images (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 16))) (local.get $n))))
      (local.set $gates (i32.add (local.get $gates) (local.get $row)))
      (local.set $cells (i32.add (local.get $cells) (local.get $row)))
      (local.set $states (i32.add (local.get $states) (local.get $row)))
      (br_if $each_unit (i32.lt_u (local.tee $u (i32.add (local.get $u) (i32.const 1))) (local.get $hidden)))))

  (func $sigmoid (param $z v128) (result v128)
    (f32x4.div
      (v128.const f32x4 1 1 1 1)
      (f32x4.add (v128.const f32x4 1 1 1 1) (call $exp (f32x4.neg (local.get $z))))))

  ;; tanh z = 2 sigmoid(2z) - 1
  (func $tanh (param $z v128) (result v128)
    (local.set $z (call $sigmoid (f32x4.add (local.get $z) (local.get $z))))
    (f32x4.sub (f32x4.add (local.get $z) (local.get $z)) (v128.const f32x4 1 1 1 1)))

  ;; e^z for |z| <= 87, beyond that as there: 2^n e^r with n whole and |r| <= ln(2) / 2, e^r by its series up to r^6
  ;; (by Horner; the next term is below 1.3e-7), ln 2 in two parts so that r keeps its digits (Cody and Waite 1980).
  (func $exp (param $z v128) (result v128)
    (local $n v128) (local $sum v128)
    (local.set $z (f32x4.pmax (v128.const f32x4 -87 -87 -87 -87)
      (f32x4.pmin (v128.const f32x4 87 87 87 87) (local.get $z))))
    (local.set $n (f32x4.nearest
      (f32x4.mul (local.get $z) (v128.const f32x4 1.442695041 1.442695041 1.442695041 1.442695041))))
    (local.set $z (f32x4.sub (local.get $z)
      (f32x4.mul (local.get $n) (v128.const f32x4 0.693359375 0.693359375 0.693359375 0.693359375))))
    (local.set $z (f32x4.add (local.get $z)
      (f32x4.mul (local.get $n) (v128.const f32x4 2.12194440e-4 2.12194440e-4 2.12194440e-4 2.12194440e-4))))
    (local.set $sum (v128.const f32x4 0.00138888889 0.00138888889 0.00138888889 0.00138888889)) ;; 1/720
    (local.set $sum (f32x4.add (f32x4.mul (local.get $sum) (local.get $z))
      (v128.const f32x4 0.00833333333 0.00833333333 0.00833333333 0.00833333333)))
    (local.set $sum (f32x4.add (f32x4.mul (local.get $sum) (local.get $z))
      (v128.const f32x4 0.0416666667 0.0416666667 0.0416666667 0.0416666667)))
    (local.set $sum (f32x4.add (f32x4.mul (local.get $sum) (local.get $z))
      (v128.const f32x4 0.166666667 0.166666667 0.166666667 0.166666667)))
    (local.set $sum (f32x4.add (f32x4.mul (local.get $sum) (local.get $z)) (v128.const f32x4 0.5 0.5 0.5 0.5)))
    (local.set $sum (f32x4.add (f32x4.mul (local.get $sum) (local.get $z)) (v128.const f32x4 1 1 1 1)))
    (local.set $sum (f32x4.add (f32x4.mul (local.get $sum) (local.get $z)) (v128.const f32x4 1 1 1 1)))
    (f32x4.mul (local.get $sum) ;; 2^n: n in the exponent of a float32
      (i32x4.shl (i32x4.add (i32x4.trunc_sat_f32x4_s (local.get $n)) (i32x4.splat (i32.const 127))) (i32.const 23))))
)
