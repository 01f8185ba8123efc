//! A table or an activation whose input is made for it alone is applied by the node that makes the input.

use retort_core::function::Function;

use crate::graph::{Epilogue, Graph, Op, Sums, Table, Uses, Weights};

/// Fuses until nothing is left to fuse.
pub fn run(graph: &mut Graph) -> usize {
    super::absorb(graph, fuse)
}

fn fuse(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    if !matches!(node.op, Op::Lookup(_) | Op::Unary(_)) {
        return None;
    }
    let (op, x, output) = (node.op.clone(), node.inputs[0], node.output());
    let producer = uses.producer[x.0]?;
    uses.only_consumer(x)?;
    match (op, &mut graph.nodes[producer].op) {
        (Op::Lookup(table), Op::ConvolutionInt8(conv)) => append(&mut conv.epilogue, &table),
        (Op::Lookup(table), Op::BinaryInt8(_, _, _, epilogue)) => append(epilogue, &table),
        (Op::Lookup(table), Op::Lookup(first)) => first.iter_mut().for_each(|byte| *byte = table[usize::from(*byte)]),
        (Op::Unary(function), Op::Convolution(conv)) if conv.activation == Function::Identity => {
            // The weights stay quantised only for an integer convolution, which this no longer becomes.
            if let Weights::Quantised(_) = conv.weights {
                conv.weights = Weights::Float(conv.weights.to_floats(conv.taps()));
            }
            conv.activation = function;
        }
        (Op::Unary(function), Op::ConvolutionDynamic(conv)) if conv.takes_activation() => match &mut conv.sums {
            Sums::Floats(scaling) => scaling.activation = function,
            Sums::Integers => return None,
        },
        (Op::Unary(function), Op::Binary(_, activation)) if *activation == Function::Identity => *activation = function,
        _ => return None,
    }
    graph.nodes[producer].outputs = vec![output];
    Some(())
}

/// Appends a table to an epilogue: as tighter bounds where that is all it does, else as a table.
fn append(epilogue: &mut Epilogue, table: &Table) {
    let composed: Table = match &epilogue.table {
        Some(first) => Box::new(std::array::from_fn(|byte| table[usize::from(first[byte])])),
        None => table.clone(),
    };
    let (low, high) = (usize::from(epilogue.low), usize::from(epilogue.high));
    let (least, most) = (composed[low], composed[high]);
    let only_clamps = (low..=high).all(|byte| composed[byte] == (byte as u8).clamp(least.min(most), most));
    if only_clamps {
        *epilogue = Epilogue { low: least, high: most, table: None };
    } else {
        epilogue.table = Some(composed);
    }
}
