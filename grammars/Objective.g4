// The grammar of `.dpo` files, the only one. SPEC.md says what the phrases mean; Parser and AstBuilder turn
// them into an Ast.
// Every decision is made on the next token (left recursion of `expr` aside, which ANTLR turns into a loop).
grammar Objective;

file : objective+ EOF ;
objective : header item* '}' ;
header : 'objective' NAME '{' ;

item
  : 'param' NAME '=' number ('in' range)? NAME? ';'
  | 'column' NAME ('=' number)? ';'
  | 'state' NAME '=' expr ';'
  | 'next' NAME '=' expr ';'
  | 'let' NAME '=' expr ';'
  | 'fn' NAME '(' NAME (',' NAME)* ')' '=' expr ';'
  | 'loss' '=' expr ';'
  | 'reward' NAME '=' expr ';'
  | 'metric' NAME '=' expr ';'
  | 'use' NAME ('(' (NAME '=' expr (',' NAME '=' expr)*)? ')')? ('as' NAME)? ';'
  ;
range : ('[' | '(') number ',' number (']' | ')') ;
number : '-'? NUMBER ;

// Tightest first. Chains of comparisons are refused after parsing, where the message can be better.
expr
  : <assoc=right> expr '^' expr
  | '-' expr
  | expr ('*' | '/') expr
  | expr ('+' | '-') expr
  | expr ('<' | '<=' | '>' | '>=' | '==' | '!=') expr
  | 'not' expr
  | expr 'and' expr
  | expr 'or' expr
  | NAME '(' (expr (',' expr)*)? ')'
  | '(' expr ')'
  | NAME
  | NUMBER
  ;

OBJECTIVE : 'objective' ;
PARAM : 'param' ;
LET : 'let' ;
FN : 'fn' ;
LOSS : 'loss' ;
REWARD : 'reward' ;
METRIC : 'metric' ;
COLUMN : 'column' ;
STATE : 'state' ;
NEXT : 'next' ;
USE : 'use' ;
IN : 'in' ;
AS : 'as' ;
AND : 'and' ;
OR : 'or' ;
NOT : 'not' ;

OPEN_BRACE : '{' ;
CLOSE_BRACE : '}' ;
OPEN_PAREN : '(' ;
CLOSE_PAREN : ')' ;
OPEN_BRACKET : '[' ;
CLOSE_BRACKET : ']' ;
COMMA : ',' ;
SEMICOLON : ';' ;
ASSIGN : '=' ;
CARET : '^' ;
MINUS : '-' ;
PLUS : '+' ;
STAR : '*' ;
SLASH : '/' ;
LESS : '<' ;
LESS_EQUAL : '<=' ;
GREATER : '>' ;
GREATER_EQUAL : '>=' ;
EQUAL : '==' ;
NOT_EQUAL : '!=' ;

NAME : [a-zA-Z_] [a-zA-Z_0-9]* ;
NUMBER : [0-9]+ ('.' [0-9]+)? ([eE] [+-]? [0-9]+)? ;
SPACE : [ \t\r\n]+ -> skip ;
COMMENT : '//' ~[\r\n]* -> skip ;

// What looks like a number but is none (`.5`, `1.`, `0x10`, `1_000`) is one token, so that one message can say so.
BAD_NUMBER : [0-9] [a-zA-Z_0-9.]* | '.' [0-9] [a-zA-Z_0-9.]* ;
// Last: without it the lexer would drop unknown characters silently.
ERR : . ;
