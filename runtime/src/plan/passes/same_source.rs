//! An integer sum or product of two tensors that are both made from one tensor by tables (x · sigmoid(x), most often) is
//! itself a table of that tensor.

use retort_core::plan::step::IntegerOperation;

use crate::graph::{Graph, Op, TensorId, Uses};
use crate::quantised;

/// Rewrites every such node.
pub fn run(graph: &mut Graph) -> usize {
    // A rewritten node still makes what it made.
    let uses = graph.uses();
    (0..graph.nodes.len()).filter(|&index| rewrite(graph, &uses, index).is_some()).count()
}

fn rewrite(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    let (Op::BinaryInt8(operation, to, shift, epilogue), [a, b]) = (&node.op, &node.inputs[..]) else { return None };
    let through = |id: TensorId| match uses.producer[id.0].map(|p| &graph.nodes[p]) {
        Some(lookup) if matches!(lookup.op, Op::Lookup(_)) => match &lookup.op {
            Op::Lookup(table) => (lookup.inputs[0], Some(table)),
            _ => (id, None),
        },
        _ => (id, None),
    };
    let (source_a, source_b) = (through(*a), through(*b));
    let (x, table_a, table_b) = [(source_a, source_b), ((*a, None), source_b), (source_a, (*b, None))]
        .into_iter()
        .find_map(|((a, ta), (b, tb))| (a == b).then_some((a, ta, tb)))?;
    let (qa, qb) = (graph.tensor(*a).quantisation?, graph.tensor(*b).quantisation?);
    let value = |table: Option<&crate::graph::Table>, byte: usize| table.map_or(byte as u8, |t| t[byte]);
    let table = Box::new(std::array::from_fn(|byte| {
        let (va, vb) = (value(table_a, byte), value(table_b, byte));
        let stored = match operation {
            IntegerOperation::Add => quantised::add(va, vb, [qa, qb, *to], *shift),
            IntegerOperation::Multiply => quantised::multiply(va, vb, [qa, qb, *to], *shift),
        };
        let clamped = stored.clamp(epilogue.low, epilogue.high);
        epilogue.table.as_ref().map_or(clamped, |table| table[usize::from(clamped)])
    }));
    if graph.tensor(x).shape != graph.tensor(node.output()).shape {
        return None;
    }
    let node = &mut graph.nodes[index];
    node.op = Op::Lookup(table);
    node.inputs = vec![x];
    Some(())
}
