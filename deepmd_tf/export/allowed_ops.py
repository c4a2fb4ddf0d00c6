"""The operations that a frozen graph may hold: arithmetic on tensors, and the compiled ops of this package.

Nothing here reads files, opens sockets, runs Python or keeps state, so that loading somebody's graph cannot do more
than compute numbers.
"""

_COMPILED = """
ProdEnvMatA ProdForceSeA ProdVirialSeA ProdEnvMatACounted ProdEnvMatR ProdForceSeR ProdVirialSeR ProdEnvMatRCounted
FlatFrames EvaluateModel NeighborEdges EdgeRows EdgeRowsGrad EdgeForce EdgeVirial RadialCells ContractCells
ContractCellsGradRows ContractCellsGradTable PairCells PairMoments PairMomentsGradRows DenseProduct
"""

_ARITHMETIC = """
Abs Acos Acosh Add AddN AddV2 Asin Asinh Atan Atan2 Atanh BiasAdd BiasAddGrad Ceil Cos Cosh Cross Cumprod Cumsum
Digamma Div DivNoNan Einsum Elu EluGrad Erf Erfc Exp Expm1 Floor FloorDiv FloorMod Inv InvGrad L2Loss LeakyRelu
LeakyReluGrad Lgamma Log Log1p LogSoftmax MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg Pow Prod RealDiv
Reciprocal ReciprocalGrad Relu Relu6 Relu6Grad ReluGrad Rint Round Rsqrt RsqrtGrad Selu SeluGrad Sigmoid SigmoidGrad
Sign Sin Sinh Softmax Softplus SoftplusGrad Softsign SoftsignGrad Sqrt SqrtGrad Square SquaredDifference Sub Sum Tan
Tanh TanhGrad TruncateDiv TruncateMod Xdivy Xlog1py Xlogy BatchMatMul BatchMatMulV2 BatchMatMulV3 SegmentSum SegmentMean
UnsortedSegmentSum UnsortedSegmentMax UnsortedSegmentMin
"""

_LOGIC = """
All Any ArgMax ArgMin Equal Greater GreaterEqual IsFinite IsInf IsNan Less LessEqual LogicalAnd LogicalNot LogicalOr
NotEqual Select SelectV2 Where
"""

_SHAPES = """
BroadcastArgs BroadcastGradientArgs BroadcastTo Bitcast Cast ConcatOffset Concat ConcatV2 Const Diag DiagPart
DynamicStitch DynamicPartition ParallelDynamicStitch EnsureShape ExpandDims Fill Gather GatherNd GatherV2 Identity
IdentityN InvertPermutation MatrixDiag MatrixDiagPart MatrixSetDiag NoOp OneHot OnesLike Pack Pad PadV2 Placeholder
PlaceholderWithDefault PreventGradient Range Rank Reshape Reverse ReverseV2 ScatterNd Shape ShapeN Size Slice Snapshot
Split SplitV Squeeze StopGradient StridedSlice StridedSliceGrad TensorScatterAdd TensorScatterUpdate Tile TopKV2
Transpose Unique Unpack ZerosLike GuaranteeConst
"""

ALLOWED_OPS = frozenset(f"{_COMPILED} {_ARITHMETIC} {_LOGIC} {_SHAPES}".split())
